import { createEffect, createSignal, on, Show, Suspense } from "solid-js";
import { t } from "../../i18n";
import { chatOrder, chatsLoaded } from "../../state/chats";
import { nameOf } from "../../state/people";
import { isPlainClick, openOverlay, openSettings, route, routePath } from "../../state/route";
import { account, connection, keeping } from "../../state/session";
import { Avatar, Button, Icon, IconButton, isComposing, keepFocus } from "../base";
import { lazy } from "../base/lazy";
import { Mark } from "../base/mark";
import { ConnectionStatus } from "./connection";
import { ChatRows } from "./rows";

const SearchResults = lazy(() => import("./search"));

/**
 * The column at the side: search above, the chats, and below, where a thumb is, what begins
 * something. `alone`: on a telephone, where nothing else is on the page.
 */
export function ChatList(props: { alone: boolean }) {
  const [text, setText] = createSignal("");
  /** Enter was pressed, maybe before there were results. */
  const [eager, setEager] = createSignal(false);
  let box: HTMLInputElement | undefined;
  let side: HTMLDivElement | undefined;
  const reset = () => {
    setEager(false);
    setText("");
  };
  const clear = () => {
    reset();
    box?.focus();
  };
  // A chat that was found is open: the list is what one comes back to.
  createEffect(on(() => route().chatId, () => route().view === "chat" && reset(), { defer: true }));

  function press(event: KeyboardEvent) {
    if (isComposing(event)) return;
    if (event.key === "Escape" && text() !== "") {
      event.preventDefault();
      clear();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      side?.querySelector<HTMLElement>(text() === "" ? ".chat-row[tabindex='0']" : ".found")?.focus();
    } else if (event.key === "Enter") {
      setEager(true);
    }
  }

  return (
    <div
      ref={side}
      class="side"
      role={props.alone ? "main" : "navigation"}
      aria-label={props.alone ? undefined : t.shell.chats}
    >
      <Show when={props.alone}>
        <h1 class="visually-hidden">{t.shell.chats}</h1>
      </Show>
      <div class="bar side-bar">
        <Mark flashing={connection().state === "connecting" || connection().state === "updating"} />
        <div class="search" role="search">
          <Icon name="search" />
          <input
            ref={box}
            id="search"
            type="text"
            inputMode="search"
            enterkeyhint="search"
            autocomplete="off"
            dir={text() === "" ? undefined : "auto"}
            aria-label={t.shell.search}
            placeholder={t.shell.search}
            value={text()}
            onInput={(event) => {
              setEager(false);
              setText(event.currentTarget.value);
            }}
            onKeyDown={press}
          />
          <Show when={text() !== ""}>
            <IconButton icon="close" label={t.shell.clearSearch} onClick={clear} />
          </Show>
        </div>
      </div>
      <ConnectionStatus />
      <KeepingNote />
      <div id="chats" class="side-body" tabIndex={-1} data-focus-home>
        <Show when={text().trim() !== ""} fallback={<Chats />}>
          <Suspense>
            <SearchResults text={text().trim()} eager={eager()} />
          </Suspense>
        </Show>
      </div>
      <Actions />
    </div>
  );
}

function Chats() {
  return (
    <Show
      when={chatOrder().length > 0 || !chatsLoaded()}
      fallback={
        <>
          <ul class="visually-hidden" aria-label={t.shell.chats} />
          <div class="nothing">
            <Mark />
            <h2>{t.shell.noChats}</h2>
            <p class="muted">{t.shell.noChatsHint}</p>
          </div>
        </>
      }
    >
      <ChatRows />
    </Show>
  );
}

/** Where this browser keeps nothing, that has to be said before something is lost. */
function KeepingNote() {
  const [closed, setClosed] = createSignal(false);
  const why = () => {
    const now = keeping();
    return now.state === "memory" ? now.why : undefined;
  };
  createEffect(on(why, () => setClosed(false)));
  return (
    <Show when={!closed() && why()}>
      {(reason) => (
        <div ref={keepFocus} class="keeping" role="note">
          <Icon name="alert" />
          <p>{t.shell.keptInMemory[reason()]}</p>
          <IconButton icon="close" label={t.shell.dismiss} onClick={() => setClosed(true)} />
        </div>
      )}
    </Show>
  );
}

function Actions() {
  return (
    <div class="actions">
      <Button kind="primary" icon="compose" onClick={() => openOverlay({ kind: "new-chat" })}>
        {t.shell.newChat}
      </Button>
      <span class="actions-rest">
        <IconButton icon="users" label={t.shell.newGroup} onClick={() => openOverlay({ kind: "new-group" })} />
        <IconButton icon="user" label={t.shell.contacts} onClick={() => openOverlay({ kind: "contacts" })} />
        <a
          class="icon-button plain"
          href={routePath({ view: "settings" })}
          aria-label={t.shell.settings}
          aria-current={route().view === "settings" ? "page" : undefined}
          data-tip={t.shell.settings}
          onClick={(event) => {
            if (!isPlainClick(event)) return;
            event.preventDefault();
            openSettings();
          }}
        >
          <Show when={account()}>
            {(me) => <Avatar size="s" name={nameOf(me().id)} ownerId={me().id} photo={me().photo} />}
          </Show>
        </a>
      </span>
    </div>
  );
}
