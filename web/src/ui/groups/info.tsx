import { createMemo, createSignal, For, Show } from "solid-js";
import type { Chat, Member } from "../../contract";
import { refusalText } from "../../i18n/refusal";
import { formatNumber, t } from "../../i18n";
import { call } from "../../state/bridge";
import { chatRow } from "../../state/chats";
import { nameOf } from "../../state/people";
import { back, openList, openOverlay } from "../../state/route";
import { limit, myId } from "../../state/session";
import { failed, told } from "../../state/toasts";
import { Avatar, Button, confirmed, Dialog, Field, Icon, IconButton, Spinner, TextArea, written } from "../base";
import { PictureEditor } from "../people/picture";
import { useFullChat } from "./full_chat";
import { MemberItem } from "./member";
import { inOrder, rightsOf } from "./rights";

/** What a group is, who is in it, and what one may change of it. */
export function GroupInfo(props: { chatId: string }) {
  const { chat, mutate, refetch } = useFullChat(props.chatId);
  const [editing, setEditing] = createSignal(false);
  const mine = () => rightsOf(chat.latest, myId());
  return (
    <Dialog
      title={t.shell.group}
      onClose={back}
      actions={
        <Show when={mine().edit && !editing()}>
          <IconButton icon="edit" label={t.shell.edit} onClick={() => setEditing(true)} />
        </Show>
      }
    >
      <Show when={chat.error === undefined} fallback={<p class="note danger">{refusalText(chat.error)}</p>}>
        <Show when={chat.latest} fallback={<Spinner label={t.shell.loading} />}>
          {(full) => (
            <>
              <Show when={editing()} fallback={<Head chat={full()} />}>
                <EditGroup chat={full()} onChange={refetch} onDone={() => setEditing(false)} />
              </Show>
              <Members chat={full()} refetch={refetch} mutate={mutate} />
              <LeaveGroup chat={full()} />
            </>
          )}
        </Show>
      </Show>
    </Dialog>
  );
}

/** The list may know of a change before this is asked for again. */
function titleOf(chat: Chat): string {
  return chatRow(chat.id)?.title ?? chat.title;
}

function Head(props: { chat: Chat }) {
  return (
    <div class="profile">
      <Avatar size="xl" name={titleOf(props.chat)} ownerId={props.chat.id} photo={props.chat.photo} />
      <h3 class="profile-name" dir="auto">{titleOf(props.chat)}</h3>
      <p class="muted">{t.shell.members(props.chat.members.length)}</p>
      <Show when={props.chat.description}>
        <p class="profile-about" dir="auto">{props.chat.description}</p>
      </Show>
    </div>
  );
}

function EditGroup(props: { chat: Chat; onChange: () => void; onDone: () => void }) {
  const [title, setTitle] = createSignal(titleOf(props.chat));
  const [about, setAbout] = createSignal(props.chat.description ?? "");
  const [wrong, setWrong] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  const chat_id = props.chat.id;

  async function save(event: SubmitEvent) {
    event.preventDefault();
    if (written(title()) === "") {
      setWrong(t.shell.wantsGroupName);
      return;
    }
    setBusy(true);
    try {
      if (written(title()) !== titleOf(props.chat)) await call("chats.rename", { chat_id, title: written(title()) });
      const description = written(about());
      if (description !== (props.chat.description ?? "")) {
        await call("chats.set_description", { chat_id, description });
      }
      told(t.shell.saveDone);
      props.onChange();
      props.onDone();
    } catch (error) {
      setWrong(refusalText(error));
      setBusy(false);
    }
  }

  const setPhoto = async (media: string) => {
    await call("chats.set_photo", { chat_id, media });
    props.onChange();
  };
  const letAdd = async (add: boolean) => {
    await call("chats.set_member_rights", { chat_id, add }).catch(failed);
    props.onChange();
  };

  return (
    <form class="stack" onSubmit={save}>
      <PictureEditor name={title()} ownerId={chat_id} photo={props.chat.photo} set={setPhoto} />
      <Field
        label={t.shell.groupName}
        value={title()}
        error={wrong()}
        onInput={(event) => setTitle(event.currentTarget.value)}
        maxLength={limit("title_chars_max")}
      />
      <TextArea
        label={t.shell.description}
        hint={t.shell.descriptionHint}
        value={about()}
        onInput={(event) => setAbout(event.currentTarget.value)}
        maxLength={limit("description_chars_max")}
      />
      <label class="switch">
        <span>{t.shell.membersAdd}</span>
        <input
          type="checkbox"
          checked={props.chat.members_add !== false}
          onChange={(event) => void letAdd(event.currentTarget.checked)}
        />
      </label>
      <div class="row-of-buttons">
        <Button kind="primary" type="submit" busy={busy()}>
          {t.shell.save}
        </Button>
        <Button kind="quiet" onClick={props.onDone}>
          {t.shell.cancel}
        </Button>
      </div>
    </form>
  );
}

function Members(props: { chat: Chat; refetch: () => void; mutate: (chat: Chat) => void }) {
  const mine = () => rightsOf(props.chat, myId());
  const ordered = createMemo(() => inOrder(props.chat.members, nameOf));
  const without = (member: Member) =>
    props.mutate({ ...props.chat, members: props.chat.members.filter((one) => one.user_id !== member.user_id) });
  return (
    <section class="members">
      <header class="section-head">
        <h3>{t.shell.memberList}</h3>
        <span class="muted">{formatNumber(props.chat.members.length)}</span>
      </header>
      <Show when={mine().add}>
        <button type="button" class="person act" onClick={() => openOverlay({ kind: "add-members", chatId: props.chat.id })}>
          <span class="person-words">{t.shell.addPeople}</span>
          <span class="person-icon">
            <Icon name="userPlus" />
          </span>
        </button>
      </Show>
      <ul class="people" aria-label={t.shell.memberList}>
        <For each={ordered()}>
          {(member) => (
            <MemberItem
              chat={props.chat}
              member={member}
              onChange={props.refetch}
              onRemove={() => without(member)}
            />
          )}
        </For>
      </ul>
    </section>
  );
}

function LeaveGroup(props: { chat: Chat }) {
  const owner = () =>
    rightsOf(props.chat, myId()).own && props.chat.members.length > 1;

  async function leave() {
    const question = {
      title: t.shell.leaveTitle(titleOf(props.chat)),
      text: t.shell.leaveText,
      action: t.shell.leave,
      danger: true,
    };
    if (!(await confirmed(question))) return;
    try {
      await call("chats.leave", { chat_id: props.chat.id });
      openList();
    } catch (error) {
      failed(error);
    }
  }

  return (
    <div class="stack apart">
      <Show when={owner()}>
        <p class="muted small">{t.shell.leaveOwner}</p>
      </Show>
      <div class="row-of-buttons">
        <Button icon="logout" class="dangerous" disabled={owner()} onClick={leave}>
          {t.shell.leave}
        </Button>
      </div>
    </div>
  );
}
