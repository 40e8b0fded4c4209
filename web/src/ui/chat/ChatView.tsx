import { createEffect, createMemo, createResource, createSignal, on, onCleanup, onMount, Show, Suspense } from "solid-js";
import { type Chat, LIMITS } from "../../contract";
import { t } from "../../i18n";
import { ask, listen } from "../../state/bridge";
import { chatRow } from "../../state/chats";
import { createProgress, OwnPictures } from "../../state/outgoing";
import { nameOf } from "../../state/people";
import { createQuotes } from "../../state/quotes";
import { removalsOf } from "../../state/removal";
import { back, openMessage, openOverlay, type Overlay, route, routeDepth } from "../../state/route";
import { createSelection } from "../../state/selection";
import { myId } from "../../state/session";
import { covered, isComposing } from "../base";
import { lazy } from "../base/lazy";
import { Composer, type ComposerHandle } from "../composer/composer";
import { ChatHeader, ChatSearch } from "./chat_header";
import { ChatContext, type OpenChat } from "./context";
import { DeleteDialog, SeenBy } from "./dialogs";
import { useKeyboard } from "./keyboard";
import { MessageList } from "./list";
import { editable } from "./menu";
import { senderName } from "./names";
import { isPicture } from "./parts";
import { Entries, type Entry } from "./rows";
import { createScroll } from "./scroll";
import { SelectionBar } from "./selection_bar";
import "./chat.css";
import "./message.css";

const ForwardDialog = lazy(() => import("./forward_dialog"));
const Viewer = lazy(() => import("../media/viewer"));

// They outlive a single chat: pictures that were just sent.
const pictures = new OwnPictures();

/** An open chat. */
export default function ChatView(props: { chatId: string; messageId?: number }) {
  return (
    <Show when={props.chatId} keyed>
      {(chatId) => <One chatId={chatId} messageId={props.messageId} />}
    </Show>
  );
}

function One(props: { chatId: string; messageId: number | undefined }) {
  const { chatId } = props;
  const meId = myId();
  const entries = new Entries(meId);
  const scroll = createScroll(chatId, meId);
  const { history } = scroll;
  const quotes = createQuotes(chatId, history.piece);
  const progress = createProgress(chatId);
  onCleanup(quotes.end);
  onCleanup(progress.end);

  const over = <K extends Overlay["kind"]>(kind: K) =>
    route().overlay?.kind === kind ? (route().overlay as Extract<Overlay, { kind: K }>) : undefined;
  const [searching, setSearching] = createSignal(false);
  let composer: ComposerHandle | undefined;
  let box!: HTMLElement;
  useKeyboard(() => box);

  const row = createMemo(() => chatRow(chatId));
  const isGroup = createMemo(() => row()?.kind === "group");
  // With a first value, so that the messages do not wait for the members.
  const [details, { mutate }] = createResource<Chat | undefined, boolean>(
    isGroup,
    () => ask("chat", { chatId }),
    { initialValue: undefined },
  );
  onCleanup(
    listen((notice) => {
      if (notice.kind === "chat" && notice.chat.id === chatId && isGroup()) mutate(notice.chat);
    }),
  );
  const role = () => (details.error ? undefined : details.latest?.members.find(({ user_id }) => user_id === meId)?.role);

  /** Whether they can be deleted for everybody, as the server allows it. */
  const forAll = (all: readonly Entry[]): "never" | "choose" | "always" => {
    const kind = row()?.kind;
    if (kind === "saved") return "always";
    if (row()?.left) return "never";
    if (kind === "private" || role() === "owner" || role() === "admin") return "choose";
    return all.every(({ fromId }) => fromId === meId) ? "choose" : "never";
  };
  const remove = (ids: readonly number[], everywhere: boolean) => {
    chat.selection.clear();
    chat.removals.remove({ chatId, ids, forAll: everywhere }, t.chat.deletedTold(ids.length));
  };

  const chat: OpenChat = {
    chatId,
    meId,
    row,
    isGroup,
    writable: () => row()?.left !== true,
    history,
    quotes,
    selection: createSelection(LIMITS.messages_per_request_max),
    removals: removalsOf(meId),
    pictures,
    progress: progress.of,
    marked: scroll.marked,
    nameOf,
    jump: openMessage,
    reply: (entry) => composer?.reply(entry),
    edit: (entry) => composer?.edit(entry),
    forward: (all) => openOverlay({ kind: "forward", ids: all.map(({ id }) => id) }),
    remove(all) {
      const whose = forAll(all);
      const ids = all.map(({ id }) => id);
      if (whose === "choose") openOverlay({ kind: "delete", ids });
      else remove(ids, whose === "always");
    },
    seenBy: (entry) => openOverlay({ kind: "seen-by", messageId: entry.id }),
    look: (entry) => openOverlay({ kind: "look", messageId: entry.id }),
  };

  onMount(() => void scroll.open(props.messageId));
  // Asked again for a message by its address; not when something merely lies over the chat.
  let depth = routeDepth();
  createEffect(
    on(
      route,
      (now, before) => {
        const from = depth;
        depth = routeDepth();
        if (now.chatId !== chatId || now.overlay) return;
        const back = depth < from;
        if (back && !before?.overlay) scroll.wentBack();
        else if (!back && now.messageId !== undefined) void scroll.jump(now.messageId, from);
      },
      { defer: true },
    ),
  );
  createEffect(
    on(history.piece, (now, before) => {
      if (!before?.atEnd || before.messages.length === 0) return;
      const fresh = now.messages.find(({ id, from_id }) => id > before.endId && from_id !== meId);
      if (fresh) scroll.markUnread(fresh.id);
    }),
  );

  const held = createMemo(() => history.piece().messages.filter(({ deleted }) => !deleted).map((one) => entries.message(one)));
  const chosen = () => held().filter(({ id }) => chat.selection.ids().has(id));

  const keys = (event: KeyboardEvent) => {
    if (event.defaultPrevented || covered() || isComposing(event)) return;
    const command = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (command && event.key.toLowerCase() === "f") setSearching(true);
    else if (command && event.key === "ArrowDown" && !(event.target as HTMLTextAreaElement).value) void scroll.toEnd();
    else if (event.key === "Escape" && chat.selection.active()) chat.selection.clear();
    else if (event.key === "Escape" && searching()) setSearching(false);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.target === document.body) {
      composer?.type(event.key);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // Before the keys of the whole page, whose Escape leaves the chat.
  document.addEventListener("keydown", keys, true);
  onCleanup(() => document.removeEventListener("keydown", keys, true));

  return (
    <ChatContext.Provider value={chat}>
      <section ref={box} class="chat-view" classList={{ choosing: chat.selection.active() }} data-chat={chatId}>
        <Show
          when={chat.selection.active()}
          fallback={<ChatHeader scroll={scroll} members={details.error ? undefined : details.latest?.members.length} onSearch={() => setSearching(!searching())} />}
        >
          <SelectionBar entries={chosen()} />
        </Show>
        <Show when={searching()}>
          <ChatSearch onClose={() => setSearching(false)} />
        </Show>
        <MessageList scroll={scroll} entries={entries} />
        <Show when={chat.writable()} fallback={<p class="composer composer-closed">{t.shell.leftGroup}</p>}>
          <Composer
            chat={chat}
            ready={(handle) => {
              composer = handle;
            }}
            sent={() => {
              scroll.clearUnread();
              void scroll.toEnd();
            }}
            lastOwn={() => held().findLast((entry) => editable(chat, entry))}
          />
        </Show>
        <Suspense>
          <Show when={over("forward")}>
            {(what) => (
              <ForwardDialog
                chatId={chatId}
                ids={what().ids}
                onClose={back}
                onDone={() => {
                  back();
                  chat.selection.clear();
                }}
              />
            )}
          </Show>
          <Show when={over("look")}>
            {(what) => (
              <Viewer
                entries={held().filter(isPicture)}
                id={what().messageId}
                nameOf={(entry) => senderName(chat, entry.fromId)}
                onMove={(messageId) => openOverlay({ kind: "look", messageId }, true)}
                onClose={back}
                onForward={(entry) => chat.forward([entry])}
              />
            )}
          </Show>
        </Suspense>
        <Show when={over("delete")}>
          {(what) => (
            <DeleteDialog
              count={what().ids.length}
              onClose={back}
              onDelete={(everywhere) => {
                remove(what().ids, everywhere);
                back();
              }}
            />
          )}
        </Show>
        <Show when={over("seen-by")}>
          {(what) => <SeenBy chatId={chatId} meId={meId} messageId={what().messageId} onClose={back} />}
        </Show>
      </section>
    </ChatContext.Provider>
  );
}
