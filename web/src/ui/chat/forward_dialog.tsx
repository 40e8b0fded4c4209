import { createMemo, createSignal, For } from "solid-js";
import { t } from "../../i18n";
import { ask } from "../../state/bridge";
import { chatOrder, chatRow, rowName } from "../../state/chats";
import { openChat } from "../../state/route";
import { failed, offered } from "../../state/toasts";
import { Avatar, Dialog, isComposing } from "../base";

const SHOWN_MAX = 100;

/** Where to send it once more. */
export default function ForwardDialog(props: { chatId: string; ids: readonly number[]; onClose: () => void; onDone: () => void }) {
  const [text, setText] = createSignal("");
  const nameOf = (chatId: string) => {
    const row = chatRow(chatId);
    return row === undefined ? "" : rowName(row);
  };
  const shown = createMemo(() => {
    const wanted = text().trim().toLocaleLowerCase();
    return chatOrder()
      .filter((chatId) => !chatRow(chatId)?.left && nameOf(chatId).toLocaleLowerCase().includes(wanted))
      .slice(0, SHOWN_MAX);
  });
  const send = async (toChatId: string) => {
    // When it is done, the dialog is gone, and with it what it was told.
    const { chatId, ids } = props;
    props.onDone();
    try {
      await ask("forward", { fromChatId: chatId, ids: [...ids], toChatId });
      if (toChatId !== chatId) offered(t.chat.forwardedTo(nameOf(toChatId)), t.chat.openThere, () => openChat(toChatId));
    } catch (why) {
      failed(why);
    }
  };
  return (
    <Dialog title={t.chat.forwardTitle(props.ids.length)} onClose={props.onClose}>
      <input
        type="search"
        class="forward-search"
        dir="auto"
        autofocus
        aria-label={t.chat.searchChats}
        placeholder={t.chat.searchChats}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || isComposing(event)) return;
          // Only what was looked for: the key that opened this dialog may still be down.
          const first = text().trim() && shown()[0];
          if (first) void send(first);
        }}
      />
      <ul class="forward-list">
        <For each={shown()} fallback={<li class="muted forward-none">{t.shell.nothingFound}</li>}>
          {(chatId) => (
            <li>
              <button type="button" onClick={() => void send(chatId)}>
                <Avatar
                  name={nameOf(chatId)}
                  ownerId={chatRow(chatId)?.userId ?? chatId}
                  photo={chatRow(chatId)?.photo}
                  saved={chatRow(chatId)?.kind === "saved"}
                />
                <span class="ellipsis" dir="auto">
                  {nameOf(chatId)}
                </span>
              </button>
            </li>
          )}
        </For>
      </ul>
    </Dialog>
  );
}
