import { createEffect, createMemo, createResource, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import type { ChatRow } from "../../bridge/protocol";
import type { Message, User } from "../../contract";
import { formatShort, t } from "../../i18n";
import { ask } from "../../state/bridge";
import { chatRow, rowName } from "../../state/chats";
import { nameOf } from "../../state/people";
import { rowText } from "../../state/preview";
import { chatPath, isPlainClick, openChat } from "../../state/route";
import { failed } from "../../state/toasts";
import { Avatar } from "../base";
import { openPrivate, resolveUsername } from "../people/open";
import { RowContent } from "./row";
import { snippet } from "./snippet";

const WAIT_MS = 120;
const RESOLVE_MS = 500;
const MESSAGES_MAX = 50;

/**
 * What this browser holds, at once; and who has this user name, from the server. `eager`: the first
 * one is to be opened, as soon as it is one for this text.
 */
export default function SearchResults(props: { text: string; eager: boolean }) {
  const text = settled(() => props.text, WAIT_MS);
  const username = settled(() => props.text, RESOLVE_MS);
  const [found] = createResource(text, search, { initialValue: undefined });
  const [person] = createResource(username, resolve, { initialValue: undefined });
  const chats = () => found.latest?.chats ?? [];
  const messages = () => found.latest?.messages ?? [];
  const user = () => {
    const now = person.latest;
    return now?.wanted === props.text ? now.user : undefined;
  };
  const count = createMemo(() => chats().length + messages().length + (user() === undefined ? 0 : 1));
  const searched = () => found.latest?.wanted === props.text;
  const resolved = () => person.latest?.wanted === props.text;
  const done = () => searched() && resolved();
  createEffect(() => {
    if (props.eager && (done() || (searched() && count() > 0))) queueMicrotask(openFirst);
  });
  let box: HTMLDivElement | undefined;
  const openFirst = () => box?.querySelector<HTMLElement>(".found")?.click();
  return (
    <div
      ref={box}
      class="results"
      role="region"
      aria-busy={!done()}
      aria-label={t.shell.searchResults}
      onKeyDown={(event) => moveAmong(event)}
    >
      <p class="visually-hidden" role="status">
        {done() ? t.shell.found(count()) : ""}
      </p>
      <Section title={t.shell.chats} all={chats()}>
        {(row) => <FoundChat row={row} />}
      </Section>
      <Show when={user()}>
        {(one) => (
          <Section title={t.shell.people} all={[one()]}>
            {(who) => <FoundPerson user={who} />}
          </Section>
        )}
      </Show>
      <Section title={t.shell.foundMessages} all={messages()}>
        {(message) => <FoundMessage message={message} text={props.text} />}
      </Section>
      <Show when={done() && count() === 0}>
        <div class="nothing">
          <h2>{t.shell.nothingFound}</h2>
          <p class="muted">{t.shell.nothingFoundHint}</p>
        </div>
      </Show>
    </div>
  );
}

/** What this browser holds. */
async function search(wanted: string) {
  const found = await ask("search", { text: wanted, limit: MESSAGES_MAX }).catch((why: unknown) => {
    failed(why);
    return { chats: [], messages: [] };
  });
  return { wanted, ...found };
}

async function resolve(wanted: string) {
  return { wanted, user: await resolveUsername(wanted).catch(() => undefined) };
}

/** What somebody types, when they have stopped for a moment. */
function settled(value: () => string, ms: number): () => string {
  const [now, setNow] = createSignal(value());
  createEffect(
    on(value, (next) => {
      const timer = setTimeout(setNow, ms, next);
      onCleanup(() => clearTimeout(timer));
    }, { defer: true }),
  );
  return now;
}

function Section<T>(props: { title: string; all: readonly T[]; children: (one: T) => JSX.Element }) {
  return (
    <Show when={props.all.length > 0}>
      <section>
        <h2 class="section-title">{props.title}</h2>
        <ul aria-label={props.title}>
          <For each={props.all}>{(one) => <li>{props.children(one)}</li>}</For>
        </ul>
      </section>
    </Show>
  );
}

function FoundChat(props: { row: ChatRow }) {
  return (
    <a class="chat-row found" href={chatPath(props.row.chat_id)} onClick={go(() => openChat(props.row.chat_id))}>
      <RowContent row={chatRow(props.row.chat_id) ?? props.row} open={false} />
    </a>
  );
}

function FoundMessage(props: { message: Message; text: string }) {
  const row = () => chatRow(props.message.chat_id);
  const title = () => {
    const known = row();
    return known === undefined ? nameOf(props.message.from_id) : rowName(known);
  };
  const parts = () => snippet(rowText(props.message), props.text);
  return (
    <a
      class="chat-row found"
      href={chatPath(props.message.chat_id, props.message.id)}
      onClick={go(() => openChat(props.message.chat_id, props.message.id))}
    >
      <span class="row-name" dir="auto">{title()}</span>
      <span class="row-side">
        <time class="row-time" datetime={new Date(props.message.date_ms).toISOString()}>
          {formatShort(props.message.date_ms)}
        </time>
      </span>
      <span class="row-preview" dir="auto">
        <For each={parts()}>{(part) => (part.hit ? <mark>{part.text}</mark> : <>{part.text}</>)}</For>
      </span>
      <Avatar
        name={title()}
        ownerId={row()?.userId ?? props.message.chat_id}
        photo={row()?.photo}
        saved={row()?.kind === "saved"}
      />
    </a>
  );
}

function FoundPerson(props: { user: User }) {
  return (
    <button type="button" class="chat-row found" onClick={() => openPrivate(props.user.id)}>
      <span class="row-name" dir="auto">{nameOf(props.user.id)}</span>
      <span class="row-preview">
        <bdi dir="ltr">@{props.user.username}</bdi>
      </span>
      <Avatar name={props.user.name} ownerId={props.user.id} photo={props.user.photo} />
    </button>
  );
}

function go(open: () => void) {
  return (event: MouseEvent) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    open();
  };
}

function moveAmong(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(".found")];
  const now = all.findIndex((one) => one === document.activeElement);
  event.preventDefault();
  if (event.key === "ArrowUp" && now <= 0) document.getElementById("search")?.focus();
  else all[event.key === "ArrowDown" ? now + 1 : now - 1]?.focus();
}
