import { createSignal } from "solid-js";
import { t } from "../../i18n";
import { call } from "../../state/bridge";
import { back } from "../../state/route";
import { failed } from "../../state/toasts";
import { Button, Dialog } from "../base";
import { PeoplePicker } from "../people/picker";
import { useFullChat } from "./full_chat";

/** More people for a group. */
export function AddMembers(props: { chatId: string }) {
  const { chat } = useFullChat(props.chatId);
  const [people, setPeople] = createSignal<readonly number[]>([]);
  const [busy, setBusy] = createSignal(false);
  let pending: Promise<unknown> = Promise.resolve();
  const there = () => new Set((chat.error ? undefined : chat.latest)?.members.map((member) => member.user_id));
  const toggle = (userId: number) =>
    setPeople((all) => (all.includes(userId) ? all.filter((id) => id !== userId) : [...all, userId]));

  /** One after the other: who was added is not asked for again when another one is refused. */
  async function add() {
    setBusy(true);
    try {
      await pending;
      for (const user_id of people()) {
        await call("chats.add_member", { chat_id: props.chatId, user_id });
        setPeople((all) => all.filter((id) => id !== user_id));
      }
      back();
    } catch (error) {
      failed(error);
      setBusy(false);
    }
  }

  return (
    <Dialog
      title={t.shell.addPeople}
      onClose={back}
      nested
      footer={
        <Button kind="primary" icon="check" busy={busy()} onClick={add}>
          {t.shell.addPerson}
        </Button>
      }
    >
      <PeoplePicker
        autofocus
        selected={people()}
        without={there()}
        onPick={toggle}
        onPending={(asked) => {
          pending = Promise.all([pending, asked]);
        }}
      />
    </Dialog>
  );
}
