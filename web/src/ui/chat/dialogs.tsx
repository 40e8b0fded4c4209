/** What is asked and told about messages, over the chat. */

import { createMemo, createSignal, For, Show } from "solid-js";
import { t } from "../../i18n";
import { refusalText } from "../../i18n/refusal";
import { nameOf, person } from "../../state/people";
import { Avatar, Button, Dialog, Spinner } from "../base";
import { useFullChat } from "../groups/full_chat";

/** Who has read a message of one's own in a group, who has it, and who does not yet. */
export function SeenBy(props: { chatId: string; meId: number; messageId: number; onClose: () => void }) {
  const { chat } = useFullChat(props.chatId);
  const members = createMemo(() => {
    const others = ((chat.error ? undefined : chat.latest)?.members ?? []).filter(({ user_id }) => user_id !== props.meId);
    const read = others.filter(({ read_id }) => (read_id ?? 0) >= props.messageId);
    const rest = others.filter((member) => !read.includes(member));
    const has = rest.filter(({ delivered_id }) => (delivered_id ?? 0) >= props.messageId);
    return [
      { title: t.chat.readBy(read.length), users: read },
      { title: t.chat.deliveredTo(has.length), users: has },
      { title: t.chat.notYet(rest.length - has.length), users: rest.filter((member) => !has.includes(member)) },
    ].filter(({ users }) => users.length > 0);
  });
  return (
    <Dialog title={t.chat.seenBy} onClose={props.onClose}>
      <Show when={!chat.loading} fallback={<Spinner label={t.shell.loading} />}>
        <Show when={!chat.error} fallback={<p>{refusalText(chat.error)}</p>}>
          <For each={members()}>
            {(group) => (
              <section class="seen-group">
                <h3>{group.title}</h3>
                <ul class="forward-list">
                  <For each={group.users}>
                    {({ user_id }) => (
                      <li class="seen-person">
                        <Avatar name={nameOf(user_id)} ownerId={user_id} photo={person(user_id)?.photo} size="s" />
                        <bdi>{nameOf(user_id)}</bdi>
                      </li>
                    )}
                  </For>
                </ul>
              </section>
            )}
          </For>
        </Show>
      </Show>
    </Dialog>
  );
}

/** For whom they are deleted, where both can be. It can be undone afterwards, so nothing else is asked. */
export function DeleteDialog(props: { count: number; onClose: () => void; onDelete: (forAll: boolean) => void }) {
  const [forAll, setForAll] = createSignal(true);
  return (
    <Dialog
      small
      title={t.chat.deleteTitle(props.count)}
      onClose={props.onClose}
      footer={
        <>
          <Button kind="quiet" onClick={props.onClose}>
            {t.shell.cancel}
          </Button>
          <Button kind="danger" autofocus onClick={() => props.onDelete(forAll())}>
            {t.chat.delete}
          </Button>
        </>
      }
    >
      <label class="attach-plain">
        <input type="checkbox" checked={forAll()} onChange={(event) => setForAll(event.currentTarget.checked)} />
        {t.chat.alsoForOthers}
      </label>
    </Dialog>
  );
}
