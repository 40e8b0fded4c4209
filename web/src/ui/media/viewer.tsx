import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show } from "solid-js";
import { Portal } from "solid-js/web";
import { dir, t } from "../../i18n";
import { formatFull } from "../../i18n/format";
import { Icon, IconButton, useLayer } from "../base";
import type { Entry } from "../chat/rows";
import { fileAddress, previewAddress, thumbAddress } from "./address";
import { pause } from "./player";
import { type View, WHOLE, zooming } from "./zoom";
import "./viewer.css";

interface ViewerProps {
  /** Pictures and videos, in their order. */
  entries: readonly Entry[];
  /** The one that is shown. */
  id: number;
  nameOf: (entry: Entry) => string;
  onMove: (id: number) => void;
  onClose: () => void;
  onForward: (entry: Entry) => void;
}

/** One picture or video over everything, and the way to its neighbours. */
export default function Viewer(props: ViewerProps) {
  const top = useLayer(() => props.onClose());
  const at = createMemo(() => Math.max(0, props.entries.findIndex((entry) => entry.id >= props.id)));
  const entry = () => props.entries[at()];
  const [view, setView] = createSignal<View>(WHOLE);
  const [loaded, setLoaded] = createSignal(false);
  let box!: HTMLElement;
  let stage!: HTMLDivElement;
  let shown: HTMLElement | undefined;

  const go = (way: -1 | 1) => {
    const next = props.entries[at() + way];
    if (next) props.onMove(next.id);
  };
  /** In the direction in which one reads. */
  const side = (way: -1 | 1) => go(dir() === "rtl" ? (-way as -1 | 1) : way);

  createEffect(
    on(() => props.id, () => {
      setView(WHOLE);
      setLoaded(false);
    }),
  );
  createEffect(() => {
    const { scale, x, y } = view();
    if (shown) shown.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    stage.dataset["zoomed"] = String(scale > 1);
  });
  createEffect(() => entry() ?? props.onClose());
  onMount(() => {
    box.focus({ preventScroll: true });
    onCleanup(zooming(stage, { get: view, set: setView, swipe: side, close: () => props.onClose() }));
  });

  const keys = (event: KeyboardEvent) => {
    const inVideo = event.target instanceof HTMLVideoElement;
    if (event.key === "ArrowLeft" && !inVideo) side(-1);
    else if (event.key === "ArrowRight" && !inVideo) side(1);
    else if (event.key === "Tab") keepFocus(event);
    else return;
    if (event.key !== "Tab") event.preventDefault();
  };
  const keepFocus = (event: KeyboardEvent) => {
    const all = [...box.querySelectorAll<HTMLElement>("button:not(:disabled), a, video")];
    const edge = event.shiftKey ? all[0] : all.at(-1);
    if (document.activeElement !== edge && document.activeElement !== box) return;
    event.preventDefault();
    (event.shiftKey ? all.at(-1) : all[0])?.focus();
  };

  return (
    <Portal>
      <section
        ref={box}
        class="viewer"
        role="dialog"
        aria-modal="true"
        aria-label={t.chat.viewer}
        inert={!top()}
        tabindex={-1}
        onKeyDown={keys}
      >
        <header class="viewer-bar">
          <Show when={entry()}>
            {(of) => (
              <span class="viewer-words">
                <bdi class="ellipsis">{props.nameOf(of())}</bdi>
                <time class="ellipsis">{formatFull(of().dateMs)}</time>
              </span>
            )}
          </Show>
          <IconButton icon="forward" label={t.chat.forward} onClick={() => entry() && props.onForward(entry()!)} />
          <a
            class="icon-button plain viewer-save"
            href={entry() && fileAddress(entry()!)}
            download={entry()?.media?.name || "file"}
            aria-label={t.chat.save}
            data-tip={t.chat.save}
          >
            <Icon name="download" />
          </a>
          <IconButton icon="close" label={t.shell.close} keys={t.shell.key.esc} onClick={props.onClose} />
        </header>
        <div ref={stage} class="viewer-stage">
          <Show when={entry()} keyed>
            {(of) => (
              <Show
                when={of.media?.kind === "video"}
                fallback={
                  <>
                    <Show when={!loaded() && (thumbAddress(of) ?? previewAddress(of.media?.preview))}>
                      {(src) => <img class="viewer-small" src={src()} alt="" />}
                    </Show>
                    <img
                      ref={(image) => (shown = image)}
                      class="viewer-picture"
                      src={fileAddress(of)}
                      alt={of.text || t.chat.kinds.photo}
                      draggable={false}
                      onLoad={() => setLoaded(true)}
                    />
                  </>
                }
              >
                <video
                  class="viewer-picture"
                  src={fileAddress(of)}
                  poster={thumbAddress(of)}
                  controls
                  autoplay
                  playsinline
                  onPlay={pause}
                />
              </Show>
            )}
          </Show>
        </div>
        <Show when={props.entries.length > 1}>
          <IconButton icon="next" class="viewer-before" label={t.chat.previous} disabled={at() === 0} onClick={() => go(-1)} />
          <IconButton
            icon="next"
            class="viewer-after"
            label={t.chat.next}
            disabled={at() === props.entries.length - 1}
            onClick={() => go(1)}
          />
        </Show>
        <Show when={entry()?.text}>
          <p class="viewer-caption" dir="auto">
            {entry()?.text}
          </p>
        </Show>
      </section>
    </Portal>
  );
}
