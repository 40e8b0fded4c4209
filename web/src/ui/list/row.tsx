import { createMemo, Match, Show, Switch } from "solid-js";
import type { ChatRow } from "../../bridge/protocol";
import { formatFull, formatNumber, formatShort, language, t } from "../../i18n";
import { minute } from "../../state/clock";
import { rowName, typing } from "../../state/chats";
import { nameOf, person } from "../../state/people";
import { fileText, rowText } from "../../state/preview";
import { myId } from "../../state/session";
import { Avatar, Icon, type IconName } from "../base";

/** What a row says of its chat, in the order in which one wants to hear it; the style places it. */
export function RowContent(props: { row: ChatRow; open: boolean }) {
  const row = () => props.row;
  const dateMs = createMemo(() => row().pending?.dateMs ?? row().top_date_ms);
  const online = () => row().userId !== undefined && person(row().userId ?? 0)?.status?.online;
  return (
    <>
      <span class="row-name" dir="auto">
        {rowName(row())}
      </span>
      <Show when={row().unread}>
        {(unread) => (
          <span class="badge">
            <span aria-hidden="true">{formatNumber(unread())}</span>
            <span class="visually-hidden">{t.shell.unread(unread())}</span>
          </span>
        )}
      </Show>
      <span class="row-preview" dir="auto">
        <Preview row={row()} open={props.open} />
      </span>
      <span class="row-side">
        <Marks row={row()} />
        <Show when={dateMs() > 0}>
          <time class="row-time" datetime={new Date(dateMs()).toISOString()} title={formatFull(dateMs())}>
            {formatShort(dateMs(), minute())}
          </time>
        </Show>
      </span>
      <Avatar
        name={rowName(row())}
        ownerId={row().userId ?? row().chat_id}
        photo={row().photo}
        saved={row().kind === "saved"}
        online={online()}
      />
    </>
  );
}

/** Somebody is writing; what one wrote and did not send; what could not be sent; the last message. */
function Preview(props: { row: ChatRow; open: boolean }) {
  const row = () => props.row;
  const typists = () => typing(row().chat_id);
  return (
    <Switch fallback={<LastMessage row={row()} />}>
      <Match when={typists().length > 0}>
        <span class="row-typing">{typingText(row(), typists())}</span>
      </Match>
      <Match when={!props.open && row().draft?.text}>
        {(text) => (
          <>
            <span class="row-draft">{t.shell.draft}: </span>
            {oneLine(text())}
          </>
        )}
      </Match>
      <Match when={row().pending}>{(pending) => oneLine(pending().text) || pendingText(row())}</Match>
    </Switch>
  );
}

function LastMessage(props: { row: ChatRow }) {
  const text = () => {
    language();
    const { message, kind, left } = props.row;
    if (left) return t.shell.leftGroup;
    if (message === undefined) return kind === "saved" ? t.shell.savedHint : t.shell.noMessages;
    const said = oneLine(rowText(message));
    const named = kind === "group" && message.action === undefined && !message.deleted;
    if (!named) return said;
    const from = message.from_id === myId() ? t.shell.you : nameOf(message.from_id);
    return t.shell.from(from, said);
  };
  return <>{text()}</>;
}

function typingText(row: ChatRow, typists: readonly number[]): string {
  if (row.kind === "private") return t.shell.typing;
  const [first] = typists;
  return typists.length === 1 && first !== undefined
    ? t.shell.isTyping(nameOf(first))
    : t.shell.severalTyping(typists.length);
}

function pendingText(row: ChatRow): string {
  const file = row.pending?.file;
  return file === undefined ? t.shell.waiting : fileText(file);
}

/** A list has one line; what is left out of it is not more than a glance. */
function oneLine(text: string): string {
  return text.slice(0, 200).replace(/\s+/gu, " ").trim();
}

/** Of one's own last message: on its way, failed, or how far it has come. */
function Marks(props: { row: ChatRow }) {
  const mark = createMemo((): { icon: IconName; text: string; kind: string } | undefined => {
    const { pending, message, kind } = props.row;
    if (pending?.state === "failed") return { icon: "alert", text: t.shell.failed, kind: "failed" };
    if (pending !== undefined) return { icon: "clock", text: t.shell.waiting, kind: "waiting" };
    const own = message !== undefined && message.from_id === myId() && message.action === undefined;
    if (!own || message.deleted || kind === "saved") return undefined;
    if (message.id <= (props.row.read_outbox_id ?? 0)) return { icon: "checks", text: t.shell.read, kind: "read" };
    return message.id <= (props.row.delivered_id ?? 0)
      ? { icon: "checks", text: t.shell.delivered, kind: "delivered" }
      : { icon: "check", text: t.shell.sent, kind: "sent" };
  });
  return (
    <Show when={mark()}>
      {(shown) => (
        <span class={`row-mark ${shown().kind}`}>
          <Icon name={shown().icon} small />
          <span class="visually-hidden">{shown().text}</span>
        </span>
      )}
    </Show>
  );
}
