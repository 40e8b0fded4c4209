import { createSignal, onCleanup, Show } from "solid-js";
import { t } from "../../i18n";
import { refusalText } from "../../i18n/refusal";
import { call } from "../../state/bridge";
import { back, openChat } from "../../state/route";
import { limit } from "../../state/session";
import { failed } from "../../state/toasts";
import { Avatar, Button, Dialog, Field, Icon, written } from "../base";
import { PeoplePicker } from "../people/picker";
import { ChoosePicture, uploadPicture } from "../people/picture";

/** A title, the people, and a picture if one likes. */
export function NewGroup() {
  const [title, setTitle] = createSignal("");
  const [people, setPeople] = createSignal<readonly number[]>([]);
  const [picture, setPicture] = createSignal<File>();
  const [wrong, setWrong] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  /** The same when it is tried again: a group that was created unnoticed is not created twice. */
  const randomId = 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1));
  let pending: Promise<unknown> = Promise.resolve();
  let box: HTMLDivElement | undefined;

  const toggle = (userId: number) =>
    setPeople((all) => (all.includes(userId) ? all.filter((id) => id !== userId) : [...all, userId]));

  async function create() {
    if (written(title()) === "") {
      setWrong(t.shell.wantsGroupName);
      box?.querySelector("input")?.focus();
      return;
    }
    setBusy(true);
    try {
      await pending;
      const user_ids = [...people()].slice(0, limit("group_invites_per_create_max"));
      const chat = await call("chats.create_group", { title: written(title()), random_id: randomId, user_ids });
      void addPicture(chat.id);
      openChat(chat.id);
    } catch (error) {
      setWrong(refusalText(error));
      setBusy(false);
    }
  }

  /** The group is there without it, too. */
  async function addPicture(chatId: string) {
    const file = picture();
    if (file === undefined) return;
    try {
      await call("chats.set_photo", { chat_id: chatId, media: await uploadPicture(file) });
    } catch (error) {
      failed(error);
    }
  }

  return (
    <Dialog
      title={t.shell.newGroup}
      onClose={back}
      footer={
        <Button kind="primary" icon="check" busy={busy()} onClick={create}>
          {t.shell.create}
        </Button>
      }
    >
      <div ref={box} class="stack">
        <div class="picture-line">
          <PicturePreview file={picture()} title={title()} />
          <ChoosePicture changed={picture() !== undefined} onChoose={setPicture} />
        </div>
        <Field
          label={t.shell.groupName}
          value={title()}
          error={wrong()}
          onInput={(event) => {
            setTitle(event.currentTarget.value);
            setWrong(undefined);
          }}
          maxLength={limit("title_chars_max")}
          autocomplete="off"
          autofocus
        />
      </div>
      <PeoplePicker
        selected={people()}
        onPick={toggle}
        onPending={(asked) => {
          pending = Promise.all([pending, asked]);
        }}
      />
    </Dialog>
  );
}

function PicturePreview(props: { file: File | undefined; title: string }) {
  return (
    <Show when={props.file} keyed fallback={<NoPicture title={props.title} />}>
      {(file) => {
        const url = URL.createObjectURL(file);
        onCleanup(() => URL.revokeObjectURL(url));
        return (
          <span class="avatar l" aria-hidden="true">
            <img src={url} alt="" />
          </span>
        );
      }}
    </Show>
  );
}

function NoPicture(props: { title: string }) {
  return (
    <Show
      when={props.title.trim()}
      fallback={
        <span class="avatar l empty" aria-hidden="true">
          <Icon name="users" />
        </span>
      }
    >
      {(title) => <Avatar size="l" name={title()} ownerId={0} />}
    </Show>
  );
}
