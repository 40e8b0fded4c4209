import { createSignal, Show } from "solid-js";
import { t } from "../../i18n";
import { call } from "../../state/bridge";
import { blocked, contacts, isContact, nameOf, person, refreshPeople } from "../../state/people";
import { back } from "../../state/route";
import { limit, myId } from "../../state/session";
import { failed, told } from "../../state/toasts";
import { Avatar, Button, copyText, Dialog, Field, IconButton, photoUrl, written } from "../base";
import { openPrivate } from "./open";
import { presenceText } from "./status";

/** Somebody's profile, and what one can do about them. */
export function Person(props: { userId: number; nested: boolean }) {
  const user = () => person(props.userId);
  const name = () => nameOf(props.userId);
  refreshPeople([props.userId]).catch(() => undefined);
  const copy = () =>
    void copyText(user()?.username ?? "").then(() => told(t.shell.copied), failed);
  return (
    <Dialog title={t.shell.profile} onClose={back} nested={props.nested}>
      <div class="profile">
        <Show
          when={user()?.photo}
          fallback={<Avatar size="xl" name={name()} ownerId={props.userId} />}
        >
          {(photo) => (
            <a href={photoUrl(props.userId, photo(), false)} target="_blank" rel="noopener" aria-label={t.shell.picture}>
              <Avatar size="xl" name={name()} ownerId={props.userId} photo={photo()} />
            </a>
          )}
        </Show>
        <h3 class="profile-name" dir="auto">{name()}</h3>
        <p class="muted">{presenceText(user()?.status)}</p>
      </div>
      <Show when={props.userId !== myId()}>
        <Button kind="primary" icon="compose" class="wide" onClick={() => openPrivate(props.userId)}>
          {t.shell.sendMessage}
        </Button>
      </Show>
      <dl class="facts">
        <Show when={user()?.username}>
          {(username) => (
            <div class="fact">
              <dt>{t.shell.username}</dt>
              <dd class="fact-with-button">
                <span dir="ltr">@{username()}</span>
                <IconButton icon="copy" label={t.shell.copyUsername} onClick={copy} />
              </dd>
            </div>
          )}
        </Show>
        <Show when={name() !== user()?.name && user()?.name}>
          <div class="fact">
            <dt>{t.shell.name}</dt>
            <dd dir="auto">{user()?.name}</dd>
          </div>
        </Show>
        <Show when={user()?.bio}>
          <div class="fact">
            <dt>{t.shell.bio}</dt>
            <dd dir="auto">{user()?.bio}</dd>
          </div>
        </Show>
      </dl>
      <Show when={props.userId !== myId()}>
        <ContactPart userId={props.userId} />
        <BlockPart userId={props.userId} />
      </Show>
    </Dialog>
  );
}

function contactName(userId: number): string {
  return contacts().find((contact) => contact.user_id === userId)?.name ?? "";
}

function ContactPart(props: { userId: number }) {
  const [own, setOwn] = createSignal(contactName(props.userId));
  const [busy, setBusy] = createSignal(false);
  const known = () => isContact(props.userId);

  async function save(event: SubmitEvent) {
    event.preventDefault();
    setBusy(true);
    try {
      await add(props.userId, written(own()));
      told(t.shell.contactAdded(written(own()) || nameOf(props.userId)));
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  }

  async function remove() {
    const name = nameOf(props.userId);
    const before = contactName(props.userId);
    try {
      await call("contacts.remove", { user_id: props.userId });
      told(t.shell.contactRemoved(name), () => add(props.userId, before).catch(failed));
    } catch (error) {
      failed(error);
    }
  }

  return (
    <form class="stack" onSubmit={save}>
      <Field
        label={t.shell.contactName}
        hint={t.shell.contactNameHint}
        value={own()}
        onInput={(event) => setOwn(event.currentTarget.value)}
        maxLength={limit("name_chars_max")}
        autocomplete="off"
      />
      <div class="row-of-buttons">
        <Button type="submit" icon={known() ? "check" : "userPlus"} busy={busy()}>
          {known() ? t.shell.save : t.shell.addContact}
        </Button>
        <Show when={known()}>
          <Button kind="quiet" onClick={remove}>
            {t.shell.removeContact}
          </Button>
        </Show>
      </div>
    </form>
  );
}

async function add(userId: number, name: string): Promise<void> {
  await call("contacts.add", { user_id: userId, ...(name === "" ? {} : { name }) });
}

function BlockPart(props: { userId: number }) {
  const is = () => blocked().has(props.userId);
  return (
    <div class="stack">
      <Show when={is()}>
        <p class="note danger">{t.shell.isBlocked}</p>
      </Show>
      <div class="row-of-buttons">
        <Button icon="block" class="dangerous" onClick={() => setBlocked(props.userId, !is())}>
          {is() ? t.shell.unblock : t.shell.block}
        </Button>
      </div>
    </div>
  );
}

/** Done at once, and undone by the opposite. */
export async function setBlocked(userId: number, block: boolean): Promise<void> {
  const name = nameOf(userId);
  const change = (now: boolean) =>
    now ? call("contacts.block", { user_id: userId }) : call("contacts.unblock", { user_id: userId });
  try {
    await change(block);
    told(block ? t.shell.blockedDone(name) : t.shell.unblockedDone(name), () => change(!block).catch(failed));
  } catch (error) {
    failed(error);
  }
}
