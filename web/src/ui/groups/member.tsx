import { createResource, Show } from "solid-js";
import type { Chat, Member } from "../../contract";
import { t } from "../../i18n";
import { formatShort } from "../../i18n/format";
import { ask, call } from "../../state/bridge";
import { chatRow } from "../../state/chats";
import { nameOf } from "../../state/people";
import { openOverlay } from "../../state/route";
import { myId } from "../../state/session";
import { failed, later } from "../../state/toasts";
import { confirmed, MenuButton, type MenuItem } from "../base";
import { PersonLine } from "../people/item";
import { mayRemove, rightsOf } from "./rights";

interface MemberProps {
  chat: Chat;
  member: Member;
  /** Something of them was changed on the server. */
  onChange: () => void;
  /** They go out of the list, before the server is told. */
  onRemove: () => void;
}

export function MemberItem(props: MemberProps) {
  const userId = () => props.member.user_id;
  const items = () => menuOf(props);
  const note = useReadText(props);
  return (
    <li class="person-line">
      <button type="button" class="person" onClick={() => openOverlay({ kind: "person", userId: userId(), nested: true })}>
        <PersonLine userId={userId()} note={note()} />
        <Show when={props.member.role !== "member"}>
          <span class="role">{t.shell.roles[props.member.role]}</span>
        </Show>
      </button>
      <Show when={items().length > 0}>
        <MenuButton label={t.shell.memberMenu(nameOf(userId()))} items={items} />
      </Show>
    </li>
  );
}

/** How far they have read; of oneself it says nothing. When what they read last was written says it
 * best: how many there are after it says nothing, for one's own messages need not be read. */
function useReadText(props: MemberProps): () => string {
  const readId = () => props.member.read_id ?? 0;
  const isMe = () => props.member.user_id === myId();
  const [readMs] = createResource(
    () => !isMe() && readId(),
    async (id) => (await ask("messages", { chatId: props.chat.id, ids: [id] }).catch(() => []))[0]?.date_ms ?? 0,
    { initialValue: 0 },
  );
  return () => {
    if (isMe()) return t.shell.you;
    if (readId() >= Math.max(props.chat.last_id, chatRow(props.chat.id)?.top_id ?? 0)) return t.shell.hasRead;
    return readMs() ? t.shell.hasReadUpTo(formatShort(readMs())) : "";
  };
}

function menuOf(props: MemberProps): MenuItem[] {
  const { chat, member } = props;
  const user_id = member.user_id;
  if (user_id === myId()) return [];
  const items: MenuItem[] = [];
  const change = (asked: Promise<unknown>) => void asked.then(props.onChange, failed);
  if (rightsOf(chat, myId()).own) {
    const admin = member.role !== "admin";
    items.push({
      label: admin ? t.shell.makeAdmin : t.shell.removeAdmin,
      icon: "shield",
      act: () => change(call("chats.set_admin", { chat_id: chat.id, user_id, admin })),
    });
    items.push({ label: t.shell.makeOwner, icon: "crown", act: () => void handOver(props) });
  }
  if (mayRemove(chat, myId(), member)) {
    items.push({ label: t.shell.removeMember, icon: "trash", danger: true, apart: items.length > 0, act: () => remove(props) });
  }
  return items;
}

/** Their leaving is told to everybody, so it is done only when nobody has undone it. */
function remove({ chat, member, onRemove, onChange }: MemberProps): void {
  onRemove();
  const name = nameOf(member.user_id);
  const act = () => call("chats.remove_member", { chat_id: chat.id, user_id: member.user_id });
  later(t.shell.memberRemoved(name), act, onChange);
}

async function handOver({ chat, member, onChange }: MemberProps): Promise<void> {
  const question = {
    title: t.shell.makeOwnerTitle(nameOf(member.user_id)),
    text: t.shell.makeOwnerText,
    action: t.shell.makeOwner,
    danger: true,
  };
  if (!(await confirmed(question))) return;
  await call("chats.transfer_ownership", { chat_id: chat.id, user_id: member.user_id }).then(onChange, failed);
}
