import { createMemo, createResource, createSignal, createUniqueId, For, onCleanup, onMount, Show } from "solid-js";
import { dir, language, t } from "../../../i18n";
import { isComposing, Spinner } from "../../base";
import { type Emoji, loadEmoji, recentEmoji, searchEmoji, useEmoji } from "./data";
import "./picker.css";

interface PickerProps {
  onPick: (emoji: string) => void;
  onClose: () => void;
}

const FOUND_MAX = 120;
/** One of each group stands for it. */
const SIGNS = ["😀", "👋", "🐻", "🍓", "🚗", "⚽", "💡", "❤️", "🏁"];

/** The first one is of those that were used. */
const GROUPS: readonly number[] = [-1, ...SIGNS.keys()];

/** One on in the direction in which one reads, one back, or neither. */
function sideways({ key }: KeyboardEvent): -1 | 0 | 1 {
  const [forward, backward] = dir() === "rtl" ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
  return key === forward ? 1 : key === backward ? -1 : 0;
}

/** Emoji by group and by word; arrows move in the grid. It stays open for several. */
export default function EmojiPicker(props: PickerProps) {
  const [groups] = createResource(language, loadEmoji);
  const [text, setText] = createSignal("");
  const [group, setGroup] = createSignal(recentEmoji().length > 0 ? -1 : 0);
  const panel = createUniqueId();
  let box!: HTMLElement;
  let grid!: HTMLDivElement;

  const shown = createMemo((): Emoji[] => {
    const all = groups();
    if (all === undefined) return [];
    if (text().trim()) return searchEmoji(all, text(), FOUND_MAX);
    if (group() >= 0) return all[group()] ?? [];
    const byEmoji = new Map(all.flat().map((one) => [one.emoji, one]));
    return recentEmoji().flatMap((emoji) => byEmoji.get(emoji) ?? []);
  });

  const outside = (event: PointerEvent) => {
    const target = event.target as Element;
    if (!box.contains(target) && !target.closest(".composer-emoji, .composer-field")) props.onClose();
  };
  onMount(() => document.addEventListener("pointerdown", outside));
  onCleanup(() => document.removeEventListener("pointerdown", outside));

  const pick = (emoji: string) => {
    useEmoji(emoji);
    props.onPick(emoji);
  };

  const choose = (of: number) => {
    setGroup(of);
    setText("");
    box.querySelector("input")!.value = "";
  };
  const tabKeys = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const tabs = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")];
    const at = GROUPS.indexOf(group()) + tabs.length;
    const step = sideways(event);
    const to = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : (at + step) % tabs.length;
    if (step === 0 && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    choose(GROUPS[to]!);
    tabs[to]!.focus();
  };

  /** How many stand side by side. */
  const columns = () => getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const keys = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      return props.onClose();
    }
    const buttons = [...grid.querySelectorAll<HTMLElement>("button")];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const inSearch = event.target instanceof HTMLInputElement;
    if (event.key === "Enter" && inSearch && shown()[0]) {
      event.preventDefault();
      return pick(shown()[0]!.emoji);
    }
    const step =
      event.key === "ArrowDown" ? (at < 0 ? 1 : columns()) : event.key === "ArrowUp" ? -columns()
        : at < 0 ? 0 : sideways(event);
    if (step === 0 || (inSearch && event.key === "ArrowUp")) return;
    event.preventDefault();
    if (at + step < 0) box.querySelector("input")?.focus();
    else buttons[at + step]?.focus();
  };

  return (
    <section ref={box} class="emoji-picker" role="dialog" aria-label={t.chat.emoji} onKeyDown={keys}>
      <input
        type="search"
        class="emoji-search"
        aria-label={t.chat.searchEmoji}
        placeholder={t.chat.searchEmoji}
        dir="auto"
        ref={(input) => queueMicrotask(() => !matchMedia("(pointer: coarse)").matches && input.focus())}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="emoji-groups" role="tablist" aria-label={t.chat.emojiGroups} onKeyDown={tabKeys}>
        <For each={GROUPS}>
          {(of) => (
            <button
              type="button"
              role="tab"
              id={`${panel}${of}`}
              aria-controls={panel}
              tabindex={group() === of ? 0 : -1}
              aria-selected={group() === of && !text().trim()}
              aria-label={of < 0 ? t.chat.recent : t.chat.emojiGroupNames[of]}
              data-tip={of < 0 ? t.chat.recent : t.chat.emojiGroupNames[of]}
              onClick={() => choose(of)}
            >
              {of < 0 ? "🕘" : SIGNS[of]}
            </button>
          )}
        </For>
      </div>
      <div ref={grid} id={panel} class="emoji-grid" role="tabpanel" aria-labelledby={`${panel}${group()}`}>
        <Show when={groups.loading}>
          <Spinner />
        </Show>
        <For each={shown()} fallback={<p class="emoji-none">{groups.loading ? "" : t.chat.noEmoji}</p>}>
          {(one) => (
            <button type="button" aria-label={one.name} data-tip={one.name} onClick={() => pick(one.emoji)}>
              {one.emoji}
            </button>
          )}
        </For>
      </div>
    </section>
  );
}
