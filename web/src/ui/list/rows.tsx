import { createEffect, createMemo, createSignal, For, on, onCleanup, onMount, Show } from "solid-js";
import { t } from "../../i18n";
import { ask } from "../../state/bridge";
import { chatOrder, chatRow, rowName } from "../../state/chats";
import { chatPath, isPlainClick, openChat, openOverlay, route } from "../../state/route";
import { settings } from "../../state/settings";
import { failed } from "../../state/toasts";
import { openMenu, type MenuItem, type Point } from "../base";
import { RowContent } from "./row";
import { shownIds, visibleRows } from "./window";

/** All chats; of thousands, elements only for those that are near what one sees. */
export function ChatRows() {
  let scroller: HTMLDivElement | undefined;
  const [scrollTop, setScrollTop] = createSignal(0);
  const [height, setHeight] = createSignal(innerHeight);
  const [rowHeight, setRowHeight] = createSignal(rowHeightNow());
  const [focused, setFocused] = createSignal<string>();

  const visible = createMemo(() => visibleRows(scrollTop(), height(), rowHeight(), chatOrder().length));
  const shown = createMemo(() => shownIds(chatOrder(), visible(), focused()));
  const positions = createMemo(() => {
    const order = chatOrder();
    return new Map(shown().map((id) => [id, order.indexOf(id)]));
  });
  /** The one row that Tab leads to. */
  const stop = () => {
    const wanted = focused() ?? route().chatId;
    return wanted !== undefined && positions().has(wanted) ? wanted : chatOrder()[0];
  };

  onMount(() => {
    const observer = new ResizeObserver(() => {
      if (scroller === undefined) return;
      setHeight(scroller.clientHeight);
      setRowHeight(rowHeightNow());
    });
    if (scroller !== undefined) observer.observe(scroller);
    onCleanup(() => observer.disconnect());
  });
  createEffect(on(() => settings.text, () => setRowHeight(rowHeightNow()), { defer: true }));
  createEffect(on(() => route().chatId, (chatId) => chatId !== undefined && reveal(chatId), { defer: true }));

  /** Scrolls by as little as shows the row whole. */
  function reveal(chatId: string): void {
    const at = chatOrder().indexOf(chatId);
    if (scroller === undefined || at === -1) return;
    const top = at * rowHeight();
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight() > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + rowHeight() - scroller.clientHeight;
    }
    setScrollTop(scroller.scrollTop);
  }

  function move(event: KeyboardEvent): void {
    const order = chatOrder();
    const now = order.indexOf(focused() ?? "");
    const page = Math.max(1, Math.floor(height() / rowHeight()) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: now + 1,
      ArrowUp: now - 1,
      PageDown: now + page,
      PageUp: now - page,
      Home: 0,
      End: order.length - 1,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = order[Math.max(0, Math.min(step, order.length - 1))];
    if (next === undefined) return;
    setFocused(next);
    reveal(next);
    scroller?.querySelector<HTMLElement>(`[data-chat="${CSS.escape(next)}"]`)?.focus({ preventScroll: true });
  }

  return (
    <div
      ref={scroller}
      class="rows-scroller"
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <ul
        class="rows"
        aria-label={t.shell.chats}
        style={{ height: `${chatOrder().length * rowHeight()}px` }}
        onKeyDown={move}
        onFocusOut={() => setFocused(undefined)}
      >
        <For each={shown()}>
          {(chatId) => (
            <li
              class="row-slot"
              style={{ transform: `translateY(${(positions().get(chatId) ?? 0) * rowHeight()}px)` }}
              aria-setsize={chatOrder().length}
              aria-posinset={(positions().get(chatId) ?? 0) + 1}
            >
              <RowLink chatId={chatId} stop={stop() === chatId} onFocus={() => setFocused(chatId)} />
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}

function RowLink(props: { chatId: string; stop: boolean; onFocus: () => void }) {
  const open = () => route().chatId === props.chatId;
  return (
    <a
      class="chat-row"
      href={chatPath(props.chatId)}
      data-chat={props.chatId}
      aria-current={open() ? "page" : undefined}
      tabIndex={props.stop ? 0 : -1}
      draggable={false}
      onFocus={props.onFocus}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        openChat(props.chatId);
      }}
      onContextMenu={(event) => {
        event.preventDefault();
        openRowMenu(props.chatId, menuPoint(event));
      }}
    >
      <Show when={chatRow(props.chatId)}>{(row) => <RowContent row={row()} open={open()} />}</Show>
    </a>
  );
}

/** A key asks for the menu at no point of its own. */
function menuPoint(event: MouseEvent & { currentTarget: Element }): Element | Point {
  return event.clientX === 0 && event.clientY === 0
    ? event.currentTarget
    : { x: event.clientX, y: event.clientY };
}

function openRowMenu(chatId: string, at: Element | Point): void {
  const row = chatRow(chatId);
  if (row === undefined) return;
  const items: MenuItem[] = [];
  if (row.unread) {
    items.push({
      label: t.shell.markRead,
      icon: "checks",
      act: () => void ask("read", { chatId, maxId: row.top_id }).catch(failed),
    });
  }
  if (row.kind !== "saved") {
    const userId = row.kind === "private" ? row.userId : undefined;
    items.push({
      label: userId === undefined ? t.shell.group : t.shell.profile,
      icon: "info",
      act: () =>
        openOverlay(userId === undefined ? { kind: "chat-info", chatId } : { kind: "person", userId }),
    });
  }
  if (items.length > 0) openMenu({ at, label: rowName(row), items });
}

/** As `--row` says: rows have one height, so that where each is can be said without looking. */
function rowHeightNow(): number {
  const root = getComputedStyle(document.documentElement);
  return Math.round(Number.parseFloat(root.getPropertyValue("--row")) * Number.parseFloat(root.fontSize));
}
