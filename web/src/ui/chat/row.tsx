import { type Accessor, createMemo, createUniqueId, For, Match, onMount, Show, Switch } from "solid-js";
import { Dynamic } from "solid-js/web";
import { t } from "../../i18n";
import { announce } from "../../state/announce";
import { ask } from "../../state/bridge";
import { failed } from "../../state/toasts";
import { refusalWords } from "../../i18n/refusal";
import { Avatar, hueOf } from "../base";
import { person as personOf } from "../../state/people";
import { serviceText } from "../../state/preview";
import { useChat } from "./context";
import { senderName } from "./names";
import { isPicture, partsOf } from "./parts";
import { Album } from "./parts/album";
import type { Entry, Item } from "./rows";

type Of<T extends Item["type"]> = Extract<Item, { type: T }>;

/** One row of the list. What it is stays; what it says may change. */
export function Row(props: { item: Accessor<Item> }) {
  return (
    <Switch>
      <Match when={props.item().type === "message"}>
        <MessageRow item={props.item() as Of<"message">} />
      </Match>
      <Match when={props.item().type === "service"}>
        <ServiceRow item={props.item() as Of<"service">} />
      </Match>
      <Match when={props.item().type === "deleted"}>
        <DeletedRow item={props.item() as Of<"deleted">} />
      </Match>
      <Match when={props.item().type === "unread"}>
        <div class="unread-line" data-unread>
          <span>{t.chat.unread}</span>
        </div>
      </Match>
    </Switch>
  );
}

const firstId = (entries: readonly Entry[]) => entries[0]!.id;
const lastId = (entries: readonly Entry[]) => entries.at(-1)!.id;

function MessageRow(props: { item: Of<"message"> }) {
  const chat = useChat();
  const entries = () => props.item.entries;
  const first = () => entries()[0]!;
  const ids = () => entries().map((entry) => entry.id).filter(Boolean);
  const chosen = () => ids().length > 0 && ids().every((id) => chat.selection.ids().has(id));
  const person = () => personOf(first().fromId);
  const marked = () => chat.marked() > 0 && ids().includes(chat.marked());
  // Whoever comes to it by key hears all of it. A name would be read before what it names, too.
  const bubble = createUniqueId();
  return (
    <article
      aria-describedby={bubble}
      class="message"
      classList={{
        own: props.item.own,
        first: props.item.first,
        last: props.item.last,
        chosen: chosen(),
        marked: marked(),
      }}
      data-id={firstId(entries())}
      data-last={lastId(entries())}
      data-key={props.item.key}
      tabindex={-1}
    >
      <Show when={chat.selection.active() && first().id}>
        <span class="chosen-mark" role="checkbox" aria-checked={chosen()} aria-label={t.chat.select} tabindex={-1} />
      </Show>
      <Show when={chat.isGroup() && !props.item.own && props.item.last}>
        <Avatar name={chat.nameOf(first().fromId)} ownerId={first().fromId} photo={person()?.photo} size="s" />
      </Show>
      <div id={bubble} class="bubble" classList={{ bare: isBare(entries()) }}>
        <bdi
          class="sender"
          classList={{ "visually-hidden": props.item.own || !chat.isGroup() || !props.item.first }}
          data-hue={hueOf(first().fromId)}
        >
          {senderName(chat, first().fromId)}
        </bdi>{" "}
        <Show when={entries().length > 1} fallback={<Parts entry={first()} />}>
          <Together entries={entries()} />
        </Show>
      </div>
      <Show when={entries().find((entry) => entry.outgoing?.state === "failed")}>
        {(entry) => <Failure entry={entry()} />}
      </Show>
    </article>
  );
}

/** Only pictures, or emoji: the bubble is not filled. */
function isBare(entries: readonly Entry[]): boolean {
  return entries.every((entry) => isPicture(entry) && !entry.text && !entry.replyTo && !entry.message?.forward);
}

function Parts(props: { entry: Entry }) {
  const parts = createMemo(() => partsOf(props.entry), [], {
    equals: (one, other) => one.length === other.length && one.every((part, at) => part === other[at]),
  });
  // The text says the time, if there is one; if not, what stands alone.
  const teller = () => parts().find((part) => part.meta);
  return (
    <For each={parts()}>
      {(part) => <Dynamic component={part.view} entry={props.entry} meta={teller() === part} />}
    </For>
  );
}

/** An album: its pictures as one, or several files below each other; its texts below. */
function Together(props: { entries: readonly Entry[] }) {
  const texts = () => props.entries.filter((entry) => entry.text);
  const head = () => props.entries[0]!;
  return (
    <Show when={props.entries.every(isPicture)} fallback={<For each={props.entries}>{(entry) => <Parts entry={entry} />}</For>}>
      <For each={texts()}>{(entry) => <Parts entry={captionOf(entry)} />}</For>
      <For each={partsOf(head()).filter((part) => part.name === "forward" || part.name === "quote")}>
        {(part) => <Dynamic component={part.view} entry={head()} meta={false} />}
      </For>
      <Album entries={props.entries} meta={texts().length === 0} />
    </Show>
  );
}

/** Only the words of an entry, as a message of text. */
function captionOf(entry: Entry): Entry {
  const { media: _, outgoing, message, ...rest } = entry;
  return {
    ...rest,
    replyTo: 0,
    ...(message && { message: withoutParts(message) }),
    ...(outgoing && { outgoing: withoutFile(outgoing) }),
  };
}

function withoutParts<T extends { media?: unknown; forward?: unknown }>(message: T): T {
  const { media: _, forward: __, ...rest } = message;
  return rest as T;
}

function withoutFile<T extends { file?: unknown }>(outgoing: T): T {
  const { file: _, ...rest } = outgoing;
  return rest as T;
}

/** It could not be sent: why, and what to do. */
function Failure(props: { entry: Entry }) {
  const key = () => props.entry.outgoing!.key;
  const why = () => {
    const failure = props.entry.outgoing?.failure;
    return failure ? refusalWords(failure) : t.chat.notSent;
  };
  onMount(() => announce(why()));
  return (
    <div class="failure">
      <span>{why()}</span>
      <button type="button" class="link" onClick={() => ask("retry", { key: key() }).catch(failed)}>
        {t.chat.retry}
      </button>
      <button type="button" class="link" onClick={() => ask("cancel", { key: key() }).catch(failed)}>
        {t.chat.discard}
      </button>
    </div>
  );
}

function ServiceRow(props: { item: Of<"service"> }) {
  const message = () => props.item.entries[0]!.message!;
  const words = createUniqueId();
  return (
    <article
      class="service"
      data-id={message().id}
      data-last={message().id}
      aria-describedby={words}
      tabindex={-1}
    >
      <span id={words} dir="auto">{serviceText(message())}</span>
    </article>
  );
}

function DeletedRow(props: { item: Of<"deleted"> }) {
  const words = createUniqueId();
  return (
    <article
      class="service deleted"
      data-id={firstId(props.item.entries)}
      data-last={lastId(props.item.entries)}
      aria-describedby={words}
      tabindex={-1}
    >
      <span id={words}>{t.chat.deleted(props.item.entries.length)}</span>
    </article>
  );
}
