import { createEffect, createMemo, createResource, createSignal, Match, on, onCleanup, Show, Suspense, Switch } from "solid-js";
import { t } from "../../i18n";
import { refusalText } from "../../i18n/refusal";
import { adoptChat, chatRow, chatsLoaded, isAbsent, listenForChats, rowName, startChats, unreadTotal } from "../../state/chats";
import { startNotifying } from "../../state/notify";
import { listenForPeople, startPeople } from "../../state/people";
import { removalsOf } from "../../state/removal";
import { openList, route } from "../../state/route";
import { account, connection, keeping, leaving, myId, outdated, startSession } from "../../state/session";
import { failed, offered } from "../../state/toasts";
import { beforeReload, checkClient, loadClient } from "../../sw/register";
import { Announcer, Button, ConfirmLayer, covered, keepDoubleClicks, MenuLayer, Spinner, ToastLayer, TooltipLayer } from "../base";
import { lazy, preload } from "../base/lazy";
import { Mark } from "../base/mark";
import { ChatList } from "../list/list";
import { Login } from "../login/login";
import { MiniPlayer } from "../media/mini_player";
import { keepPage } from "./drops";
import { focusRoute } from "./focus";
import { narrow } from "./narrow";
import { useShortcuts } from "./shortcuts";

const ChatView = lazy(() => import("../chat/ChatView"));
const SettingsView = lazy(() => import("../settings/settings"));
const Overlays = lazy(() => import("./overlays"));

/** The whole page: the login, or the list and what is open beside it; and what lies over both. */
export function App() {
  keepPage();
  keepDoubleClicks();
  listenForChats();
  listenForPeople();
  const [started, { refetch }] = createResource(async () => {
    await startSession();
    return true;
  });
  createEffect(
    on(outdated, (is) => {
      if (is) offered(t.shell.outdated, t.shell.reload, () => void loadClient());
    }),
  );
  // A dialog may hold what nobody has said yet; a page that keeps nothing holds everything.
  onCleanup(beforeReload({ busy: () => covered() || keeping().state === "memory" }));
  // A server that comes back may be another one.
  createEffect(on(() => connection().state === "online", (online) => online && void checkClient(), { defer: true }));
  return (
    <>
      <div class="page" inert={covered()}>
        <Switch>
          <Match when={started.error !== undefined}>
            <CannotStart error={started.error} again={refetch} />
          </Match>
          <Match when={started.loading || leaving()}>
            <Starting />
          </Match>
          <Match when={account() === null}>
            <Login />
          </Match>
          <Match when={account()?.id}>
            {/* Keyed: another account is another page, with nothing of the one before. */}
            <Show when={account()?.id} keyed>
              <Home />
            </Show>
          </Match>
        </Switch>
      </div>
      <Show when={account() !== null && route().overlay}>
        <Suspense>
          <Overlays />
        </Suspense>
      </Show>
      <ConfirmLayer />
      <MenuLayer />
      <ToastLayer />
      <TooltipLayer />
      <Announcer />
    </>
  );
}

function Home() {
  startChats().catch(failed);
  startPeople().catch(failed);
  removalsOf(myId());
  onCleanup(startNotifying());
  useShortcuts();
  // Also when the connection is back: what could not be had then may be now.
  const rests = createMemo(() => chatsLoaded() && connection().state === "online");
  createEffect(() => rests() && void preload());
  createEffect(on(() => [route().view, route().chatId, route().page], focusRoute, { defer: true }));
  const listAlone = () => narrow() && route().view === "list";
  const title = () => {
    const at = route();
    if (at.view === "settings") return t.shell.settings;
    const row = at.view === "chat" ? chatRow(at.chatId ?? "") : undefined;
    return row === undefined ? "" : rowName(row);
  };
  createEffect(() => {
    const { chatId } = route();
    const unknown = chatsLoaded() && chatId !== undefined && chatRow(chatId) === undefined;
    // Again when the connection is there.
    if (unknown && connection().state !== "connecting") adoptChat(chatId).catch(() => undefined);
  });
  createEffect(() => {
    document.title = t.shell.documentTitle(unreadTotal(), title());
  });
  onCleanup(() => {
    document.title = t.shell.appName;
    openList();
  });
  return (
    <>
      <a class="skip" href="#chats" onClick={skipTo}>
        {t.shell.skipToChats}
      </a>
      <a class="skip" href="#main" onClick={skipTo}>
        {t.shell.skipToMessage}
      </a>
      <div class="shell" data-view={route().view}>
        <ChatList alone={listAlone()} />
        <MiniPlayer />
        <main id="main" class="main" tabIndex={-1} aria-labelledby="title" data-focus-home={route().view === "list" ? undefined : ""}>
          <h1 id="title" class="visually-hidden">
            {title() || t.shell.appName}
          </h1>
          <Suspense fallback={<Waiting />}>
            <Switch fallback={<Nothing />}>
              <Match when={isAbsent(route().chatId ?? "")}>
                <Absent />
              </Match>
              <Match when={route().view === "chat" && route().chatId}>
                {(chatId) => <ChatView chatId={chatId()} {...asked()} />}
              </Match>
              <Match when={route().view === "settings"}>
                <SettingsView />
              </Match>
            </Switch>
          </Suspense>
        </main>
      </div>
    </>
  );
}

/** The message that the route asks for, if it does. */
function asked(): { messageId?: number } {
  const id = route().messageId;
  return id === undefined ? {} : { messageId: id };
}

/** The address stays: it says which chat is open. */
function skipTo(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  event.preventDefault();
  document.querySelector<HTMLElement>(event.currentTarget.hash)?.focus();
}

function Nothing() {
  return (
    <div class="nothing">
      <Mark />
      <p>{t.shell.chooseChat}</p>
    </div>
  );
}

/** On a telephone it covers the list. */
function Absent() {
  return (
    <div class="nothing">
      <Mark />
      <p role="alert">{t.errors.codes.chat_not_found}</p>
      <Button onClick={openList}>{t.shell.back}</Button>
    </div>
  );
}

/** Only what lasts is worth a sign: a view that is there in a moment should not flash one. */
function Waiting() {
  const [late, setLate] = createSignal(false);
  const timer = setTimeout(setLate, 300, true);
  onCleanup(() => clearTimeout(timer));
  return (
    <div class="nothing">
      <Show when={late()}>
        <Spinner label={t.shell.loading} />
      </Show>
    </div>
  );
}

function Starting() {
  const [late, setLate] = createSignal(false);
  const timer = setTimeout(setLate, 400, true);
  onCleanup(() => clearTimeout(timer));
  return (
    <div class="nothing whole">
      <Show when={late()}>
        <Mark flashing />
        <p role="status">{t.shell.connecting}</p>
      </Show>
    </div>
  );
}

function CannotStart(props: { error: unknown; again: () => void }) {
  return (
    <main class="nothing whole">
      <Mark />
      <h1>{t.shell.cannotStart}</h1>
      <p role="alert">{refusalText(props.error)}</p>
      <p class="muted">{t.shell.cannotStartHint}</p>
      <Button kind="primary" onClick={props.again}>
        {t.shell.retry}
      </Button>
    </main>
  );
}
