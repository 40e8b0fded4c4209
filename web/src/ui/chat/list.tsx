import { createEffect, createMemo, For, Match, on, onCleanup, onMount, Show, Switch } from "solid-js";
import type { Message } from "../../contract";
import { t } from "../../i18n";
import { announce } from "../../state/announce";
import { formatDay, formatNumber } from "../../i18n/format";
import { chatRow } from "../../state/chats";
import { rowText } from "../../state/preview";
import { Button, IconButton, Spinner } from "../base";
import { type OpenChat, useChat } from "./context";
import { gestures } from "./gestures";
import { keyed } from "./keyed";
import { listKeys } from "./list_keys";
import { openMessageMenu } from "./menu";
import { senderName } from "./names";
import { Row } from "./row";
import { days, type Entries, type Entry, sameItem } from "./rows";
import type { Scroll } from "./scroll";

/** The messages, in a window that moves along. */
export function MessageList(props: { scroll: Scroll; entries: Entries }) {
  const chat = useChat();
  const { scroll, entries } = props;
  const { history } = scroll;
  let scroller!: HTMLDivElement;
  let content!: HTMLDivElement;

  const shown = createMemo((): Entry[] => {
    const { messages, atEnd } = history.piece();
    const held = messages
      .filter((message) => !chat.removals.hidden(chat.chatId, message.id))
      .map((message) => entries.message(message));
    if (!atEnd) return held;
    const keys = new Set(held.map((entry) => entry.key));
    const waiting = history.outgoing().map((outgoing) => entries.outgoing(outgoing));
    return [...held, ...waiting.filter((entry) => !keys.has(entry.key))];
  });
  const rows = keyed(createMemo(() => days(shown(), chat.meId, scroll.unreadFrom())));

  announceNew(chat);
  onMount(() => {
    const detach = scroll.attach(scroller, content);
    const endGestures = gestures(content, entryAt, chat);
    onCleanup(() => {
      detach();
      endGestures();
    });
  });

  /** The messages of the row that an event is about: a tile of an album is one of them. */
  const entryAt = (target: EventTarget | null): Entry[] => {
    const element = target instanceof Element ? target.closest<HTMLElement>("article[data-id]") : null;
    if (element === null) return [];
    const key = element.dataset["key"];
    const first = Number(element.dataset["id"]);
    const last = Number(element.dataset["last"]);
    return shown().filter((entry) => entry.key === key || (entry.id > 0 && entry.id >= first && entry.id <= last));
  };

  const menu = (event: MouseEvent) => {
    // Links, and words that were chosen, keep the browser's own menu.
    const chosen = getSelection();
    const inText = chosen && !chosen.isCollapsed && content.contains(chosen.anchorNode);
    if (event.target instanceof Element && (event.target.closest("a") || inText)) return;
    const found = entryAt(event.target);
    if (found.length === 0) return;
    event.preventDefault();
    const article = (event.target as Element).closest<HTMLElement>("article")!;
    const byKey = event.clientX === 0 && event.clientY === 0;
    openMessageMenu(chat, found, byKey ? article : { x: event.clientX, y: event.clientY });
  };

  const click = (event: MouseEvent) => {
    const begins = event.shiftKey || event.ctrlKey || event.metaKey;
    // With these keys a link opens elsewhere.
    const onLink = event.target instanceof Element && event.target.closest("a") !== null;
    if (!chat.selection.active() && (!begins || onLink)) return;
    const found = entryAt(event.target).filter((entry) => entry.id && !entry.message?.deleted);
    if (found.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey && chat.selection.active()) {
      chat.selection.extend(found.at(-1)!.id, shown().map((entry) => entry.id).filter(Boolean));
    } else chat.selection.toggle(found.map((entry) => entry.id));
  };

  const answer = (event: MouseEvent) => {
    const onRow = event.target instanceof Element && event.target.matches("article, .bubble, .meta");
    const entry = entryAt(event.target)[0];
    if (onRow && entry?.id && chat.writable() && !chat.selection.active()) chat.reply(entry);
  };

  return (
    <div class="history">
      <div
        ref={scroller}
        class="history-scroller"
        role="log"
        data-focus-home
        aria-label={t.chat.messages}
        aria-live="off"
        aria-busy={history.state() === "loading"}
        tabindex={0}
        onContextMenu={menu}
        on:click={{ handleEvent: click, capture: true }}
        onDblClick={answer}
        onKeyDown={(event) => listKeys(event, scroller, (target) => entryAt(target), chat)}
      >
        <div ref={content} class="history-content" classList={{ grouped: chat.isGroup() }}>
          <Top scroll={scroll} empty={shown().length === 0} />
          <For each={rows()}>
            {(day) => {
              const items = keyed(() => day.value().items, sameItem);
              return (
                <section class="day">
                  <h3 class="day-title">
                    <span>{formatDay(day.value().ms)}</span>
                  </h3>
                  <For each={items()}>{(item) => <Row item={item.value} />}</For>
                </section>
              );
            }}
          </For>
          <Show when={history.state() === "ready" && !history.piece().atEnd}>
            <More loading={history.loadingNewer()} />
          </Show>
        </div>
      </div>
      <ToEnd scroll={scroll} />
    </div>
  );
}

/** Above the first message: it is being loaded, it could not be, or there is no more. */
function Top(props: { scroll: Scroll; empty: boolean }) {
  const { history } = props.scroll;
  return (
    <Switch>
      <Match when={history.state() === "failed"}>
        <div class="history-top" role="alert">
          <p>{t.chat.loadFailed}</p>
          <Button icon="retry" onClick={() => void props.scroll.open(undefined)}>
            {t.chat.retry}
          </Button>
        </div>
      </Match>
      <Match when={history.state() === "loading" && history.piece().messages.length === 0}>
        <div class="history-top">
          <span class="spinner" role="progressbar" aria-label={t.chat.loading} />
        </div>
      </Match>
      <Match when={history.piece().atStart && props.empty}>
        <div class="history-top beginning empty">
          <p>{t.chat.empty}</p>
        </div>
      </Match>
      <Match when={history.piece().atStart}>
        <div class="history-top beginning">
          <p>{t.chat.beginning}</p>
        </div>
      </Match>
      <Match when={true}>
        <More loading={history.loadingOlder()} />
      </Match>
    </Switch>
  );
}

/** More is there: it is asked for before somebody gets here. Its height is the same all the time. */
function More(props: { loading: boolean }) {
  return (
    <div
      class="history-more"
      role={props.loading ? "progressbar" : undefined}
      aria-label={props.loading ? t.chat.loading : undefined}
    >
      <Show when={props.loading}>
        <Spinner />
      </Show>
    </div>
  );
}

/** Tells a screen reader of what has come, and that one's own has gone. */
function announceNew(chat: OpenChat): void {
  createEffect(
    on(
      () => chat.history.piece(),
      (now, before) => {
        if (!before?.atEnd) return;
        const last = before.messages.at(-1)?.id ?? 0;
        const fresh = now.messages.filter(({ id }) => id > last && id > before.endId);
        for (const message of fresh.slice(-3)) announce(heard(chat, message));
      },
    ),
  );
}

function heard(chat: OpenChat, message: Message): string {
  const said = rowText(message);
  if (message.action) return said;
  return message.from_id === chat.meId ? t.shell.sent : t.shell.from(senderName(chat, message.from_id), said);
}

/** To the end, with how much is unread there; and back to where a jump began. */
function ToEnd(props: { scroll: Scroll }) {
  const chat = useChat();
  const unread = () => chatRow(chat.chatId)?.unread ?? 0;
  return (
    <Show when={!props.scroll.atEnd() && props.scroll.history.state() === "ready"}>
      <div class="to-end">
        <Show when={props.scroll.returns().length > 0}>
          <IconButton icon="retry" label={t.chat.backToPlace} onClick={props.scroll.back} />
        </Show>
        <span class="to-end-box">
          <IconButton icon="down" label={t.chat.toEnd(unread())} onClick={() => void props.scroll.toEnd()} />
          <Show when={unread() > 0}>
            <span class="badge" aria-hidden="true">
              {unread() > 999 ? `${formatNumber(999)}+` : formatNumber(unread())}
            </span>
          </Show>
        </span>
      </div>
    </Show>
  );
}
