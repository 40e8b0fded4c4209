import { Match, Show, Suspense, Switch } from "solid-js";
import { lazy } from "../base/lazy";
import { chatRow } from "../../state/chats";
import { route, type Overlay } from "../../state/route";
import { GroupInfo } from "../groups/info";
import { AddMembers } from "../groups/add_members";
import { NewGroup } from "../groups/new_group";
import { ContactList, NewChat } from "../people/new_chat";
import { Person } from "../people/person";
import "../../styles/people.css";

const ShortcutsDialog = lazy(() => import("./shortcuts_dialog"));

/** What the route says lies over the page; loaded when the first of them is asked for. */
export default function Overlays() {
  return (
    <Show when={route().overlay} keyed>
      {(overlay) => <OneOverlay overlay={overlay} />}
    </Show>
  );
}

function OneOverlay(props: { overlay: Overlay }) {
  const is = <K extends Overlay["kind"]>(kind: K) =>
    props.overlay.kind === kind && (props.overlay as Extract<Overlay, { kind: K }>);
  return (
    <Switch>
      <Match when={is("new-chat")}>
        <NewChat />
      </Match>
      <Match when={is("new-group")}>
        <NewGroup />
      </Match>
      <Match when={is("contacts")}>
        <ContactList />
      </Match>
      <Match when={is("person")}>{(who) => <Person userId={who().userId} nested={who().nested === true} />}</Match>
      <Match when={is("chat-info")}>{(what) => <ChatInfo chatId={what().chatId} />}</Match>
      <Match when={is("add-members")}>{(what) => <AddMembers chatId={what().chatId} />}</Match>
      <Match when={is("shortcuts")}>
        <Suspense>
          <ShortcutsDialog />
        </Suspense>
      </Match>
    </Switch>
  );
}

/** Of a private chat, the person; of a group, the group. */
function ChatInfo(props: { chatId: string }) {
  const userId = () => chatRow(props.chatId)?.userId;
  return (
    <Show when={userId()} fallback={<GroupInfo chatId={props.chatId} />}>
      {(id) => <Person userId={id()} nested={false} />}
    </Show>
  );
}
