import { createMemo, createResource, createSignal, For, Show } from "solid-js";
import { compareNames, t } from "../../i18n";
import { contacts, nameOf, person } from "../../state/people";
import { myId } from "../../state/session";
import { failed, problem } from "../../state/toasts";
import { Avatar, Field, Icon, isComposing } from "../base";
import { PersonLine } from "./item";
import { resolveUsername } from "./open";

interface PickerProps {
  /** Somebody was chosen, or (with `selected`) taken out again. */
  onPick: (userId: number) => void;
  /** Of several who are chosen: they stay in the list, and stand above it. */
  selected?: readonly number[];
  /** Who cannot be chosen: they are there already. */
  without?: ReadonlySet<number>;
  /** It is what the dialog is for: one may type at once. */
  autofocus?: boolean;
  /** A user name is looked up: whoever goes on has to wait for it. */
  onPending?: (asked: Promise<void>) => void;
}

/** Contacts, and whoever has the user name that is typed. */
export function PeoplePicker(props: PickerProps) {
  const [text, setText] = createSignal("");
  const chosen = () => new Set(props.selected ?? []);
  const offered = createMemo(() => contactsFor(text(), props.without ?? new Set()));
  const [found] = createResource(
    () => text().trim(),
    (wanted) => resolveUsername(wanted).catch(() => undefined),
    { initialValue: undefined },
  );
  const other = () => {
    const user = found.latest;
    const fits = user !== undefined && user.username.toLowerCase() === text().trim().replace(/^@/, "").toLowerCase();
    return fits && !offered().includes(user.id) && !props.without?.has(user.id) ? user : undefined;
  };

  /** What is typed is taken at once: the next name may be typed while this one is looked up. */
  async function enter(wanted: string): Promise<void> {
    const [first] = offered();
    try {
      const user = await resolveUsername(wanted);
      const picked = user?.id ?? first;
      if (picked === undefined) problem(t.errors.codes.user_not_found);
      else if (!chosen().has(picked)) props.onPick(picked);
    } catch (error) {
      failed(error);
    }
  }

  function press(event: KeyboardEvent) {
    if (event.key !== "Enter" || isComposing(event)) return;
    event.preventDefault();
    const wanted = text().trim();
    if (wanted === "") return;
    setText("");
    const asked = enter(wanted);
    props.onPending?.(asked);
  }

  function pick(userId: number) {
    setText("");
    props.onPick(userId);
  }

  return (
    <div class="picker">
      <Show when={props.selected?.length}>
        <ul class="chips" aria-label={t.shell.selected(props.selected?.length ?? 0)}>
          <For each={props.selected}>{(userId) => <Chip userId={userId} onRemove={() => props.onPick(userId)} />}</For>
        </ul>
      </Show>
      <Field
        label={t.shell.username}
        hint={t.shell.findHint}
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={press}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        enterkeyhint="go"
        autofocus={props.autofocus}
      />
      <ul class="people" aria-label={t.shell.people}>
        <Show when={other()}>
          {(user) => <Candidate userId={user().id} chosen={chosen().has(user().id)} multiple={props.selected !== undefined} onPick={pick} />}
        </Show>
        <For each={offered()}>
          {(userId) => (
            <Candidate userId={userId} chosen={chosen().has(userId)} multiple={props.selected !== undefined} onPick={pick} />
          )}
        </For>
      </ul>
    </div>
  );
}

/** Of the contacts, those with the text in name or user name, in the order of the alphabet. */
function contactsFor(text: string, without: ReadonlySet<number>): number[] {
  const wanted = text.trim().replace(/^@/, "").toLocaleLowerCase();
  const fits = (id: number) =>
    `${nameOf(id)} ${person(id)?.username ?? ""}`.toLocaleLowerCase().includes(wanted);
  return contacts()
    .map((contact) => contact.user_id)
    .filter((id) => id !== myId() && !without.has(id) && fits(id))
    .sort((a, b) => compareNames(nameOf(a), nameOf(b)));
}

function Candidate(props: { userId: number; chosen: boolean; multiple: boolean; onPick: (userId: number) => void }) {
  return (
    <li>
      <button
        type="button"
        class="person"
        aria-pressed={props.multiple ? props.chosen : undefined}
        onClick={() => props.onPick(props.userId)}
      >
        <PersonLine userId={props.userId} />
        <Show when={props.chosen}>
          <Icon name="check" class="person-check" />
        </Show>
      </button>
    </li>
  );
}

function Chip(props: { userId: number; onRemove: () => void }) {
  const name = () => nameOf(props.userId);
  return (
    <li>
      <button type="button" class="chip" aria-label={t.shell.removeFromSelection(name())} onClick={props.onRemove}>
        <Avatar size="s" name={name()} ownerId={props.userId} photo={person(props.userId)?.photo} />
        <span class="ellipsis" dir="auto">{name()}</span>
        <Icon name="close" small />
      </button>
    </li>
  );
}
