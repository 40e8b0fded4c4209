import { createMemo, createSignal, For, Show } from "solid-js";
import type { Message } from "../../contract";
import { t } from "../../i18n";
import { formatShort } from "../../i18n/format";
import { ask } from "../../state/bridge";
import { rowName, typing } from "../../state/chats";
import { nameOf, person } from "../../state/people";
import { back, openOverlay } from "../../state/route";
import { Avatar, IconButton, isComposing, keepFocus, MenuButton, type MenuItem } from "../base";
import { presenceText } from "../people/status";
import { useChat } from "./context";
import { senderName } from "./names";
import type { Scroll } from "./scroll";

/** Whose chat it is, and how they are. */
export function ChatHeader(props: { scroll: Scroll; members: number | undefined; onSearch: () => void }) {
  const chat = useChat();
  const row = () => chat.row();
  const saved = () => row()?.kind === "saved";
  const other = () => (row()?.userId ? person(row()!.userId!) : undefined);

  const status = createMemo(() => {
    const writing = typing(chat.chatId).filter((id) => id !== chat.meId);
    if (writing.length > 0) {
      if (!chat.isGroup()) return t.shell.typing;
      return writing.length === 1 ? t.shell.isTyping(nameOf(writing[0]!)) : t.shell.severalTyping(writing.length);
    }
    if (saved()) return t.shell.savedHint;
    if (row()?.left) return t.shell.leftGroup;
    if (chat.isGroup()) return props.members === undefined ? "" : t.shell.members(props.members);
    return presenceText(other()?.status);
  });

  const openInfo = () => {
    const userId = row()?.userId;
    if (chat.isGroup()) openOverlay({ kind: "chat-info", chatId: chat.chatId });
    else if (userId) openOverlay({ kind: "person", userId });
  };

  const name = () => (row() ? rowName(row()!) : "");
  return (
    <header class="bar chat-bar">
      <IconButton icon="back" label={t.shell.back} class="chat-back" onClick={back} />
      {/* Whose chat it is, may still have to be asked. */}
      <Show
        when={row()}
        fallback={
          <div class="chat-who" aria-busy="true">
            <span class="visually-hidden">{t.shell.loading}</span>
          </div>
        }
      >
        <button type="button" class="chat-who" disabled={saved()} onClick={openInfo}>
          <Avatar
            name={name()}
            ownerId={row()?.userId ?? chat.chatId}
            photo={row()?.photo}
            saved={saved()}
            online={other()?.status?.online}
          />
          <span class="chat-words">
            <h2 class="ellipsis" dir="auto">
              {name()}
            </h2>
            {/* Of a group it comes: there is room for it already. */}
            <Show when={chat.isGroup() || status()}>
              <span class="chat-status ellipsis" classList={{ active: typing(chat.chatId).length > 0 }}>
                {status()}
              </span>
            </Show>
          </span>
        </button>
      </Show>
      <IconButton icon="search" label={t.chat.searchHere} onClick={props.onSearch} />
      <MenuButton
        label={t.chat.chatMenu}
        items={() => {
          const items: MenuItem[] = [];
          if (row() && !saved()) items.push({ label: chat.isGroup() ? t.chat.groupInfo : t.chat.personInfo, icon: "info", act: openInfo });
          items.push({ label: t.chat.toDate, icon: "clock", act: () => pickDate(props.scroll) });
          items.push({ label: t.chat.toBeginning, icon: "up", act: () => chat.jump(1) });
          return items;
        }}
      />
    </header>
  );
}

/** The browser's own calendar. */
function pickDate(scroll: Scroll): void {
  const input = document.createElement("input");
  input.type = "date";
  input.className = "date-picker";
  input.setAttribute("aria-label", t.chat.toDate);
  const now = new Date();
  input.max = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
  // A year that is still being typed is none.
  input.min = "2000-01-01";
  const ended = new AbortController();
  const done = () => {
    // What is taken away loses the focus, and would be taken away once more.
    ended.abort();
    input.remove();
  };
  input.addEventListener("change", () => {
    if (!input.validity.valid) return;
    const [year, month, day] = input.value.split("-").map(Number);
    done();
    if (year && month && day) void scroll.jumpToDate(new Date(year, month - 1, day).getTime());
  });
  input.addEventListener("blur", done, { signal: ended.signal });
  document.body.append(input);
  input.focus();
  try {
    input.showPicker();
  } catch {
    // It stands there and can be typed in.
  }
}

const FOUND_MAX = 50;

/** Finds what this browser holds of the chat. */
export function ChatSearch(props: { onClose: () => void }) {
  const chat = useChat();
  const [found, setFound] = createSignal<readonly Message[]>();
  const [at, setAt] = createSignal(-1);
  let asked = 0;
  const search = async (text: string) => {
    const mine = ++asked;
    if (!text.trim()) return setFound(undefined);
    const { messages } = await ask("search", { text, chatId: chat.chatId, limit: FOUND_MAX });
    if (mine !== asked) return;
    setFound(messages);
    setAt(-1);
  };
  const go = (to: number) => {
    const message = found()?.[to];
    if (!message) return;
    setAt(to);
    chat.jump(message.id);
  };
  return (
    <search ref={keepFocus} class="chat-search">
      <div class="chat-search-line">
        <input
          type="search"
          dir="auto"
          aria-label={t.chat.searchHere}
          placeholder={t.chat.searchHere}
          ref={(input) => queueMicrotask(() => input.focus())}
          onInput={(event) => void search(event.currentTarget.value).catch(() => setFound([]))}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !isComposing(event)) go(event.shiftKey ? Math.max(0, at() - 1) : at() + 1);
          }}
        />
        <Show when={found()}>
          {(all) => (
            <span class="chat-search-count" role="status">
              {at() < 0 ? t.shell.found(all().length) : t.chat.foundAt(at() + 1, all().length)}
            </span>
          )}
        </Show>
        <IconButton icon="up" label={t.chat.olderFound} disabled={at() + 1 >= (found()?.length ?? 0)} onClick={() => go(at() + 1)} />
        <IconButton icon="down" label={t.chat.newerFound} disabled={at() <= 0} onClick={() => go(at() - 1)} />
        <IconButton icon="close" label={t.shell.close} onClick={props.onClose} />
      </div>
      <Show when={at() < 0 && found()?.length}>
        <ul class="chat-found" aria-label={t.shell.searchResults}>
          <For each={found()}>
            {(message, index) => (
              <li>
                <button type="button" onClick={() => go(index())}>
                  <span class="chat-found-head">
                    <bdi class="ellipsis">{senderName(chat, message.from_id)}</bdi>
                    <time>{formatShort(message.date_ms)}</time>
                  </span>
                  <span class="ellipsis" dir="auto">
                    {message.text}
                  </span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </search>
  );
}
