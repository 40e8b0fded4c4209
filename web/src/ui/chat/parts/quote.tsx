import { createMemo, Show } from "solid-js";
import { t } from "../../../i18n";
import { rowText } from "../../../state/preview";
import { hueOf } from "../../base";
import { previewAddress, thumbAddress } from "../../media/address";
import { useChat } from "../context";
import { senderName } from "../names";
import { Entries, type Entry } from "../rows";
import type { PartProps } from "./part";

/** What is answered: who said it and what, also when it is deleted or out of reach. A press goes there. */
export function QuotePart(props: PartProps) {
  const chat = useChat();
  return (
    <button
      type="button"
      class="quote"
      data-hue={hueOf(quotedSender(chat, props.entry.replyTo))}
      onClick={() => chat.jump(props.entry.replyTo)}
    >
      <QuoteBody id={props.entry.replyTo} />
    </button>
  );
}

function quotedSender(chat: ReturnType<typeof useChat>, id: number): number {
  return chat.quotes.of(id)?.from_id ?? 0;
}

const alone = new Entries(0);

/** The same above the composer. */
export function QuoteBody(props: { id: number; label?: string }) {
  const chat = useChat();
  const quoted = createMemo(() => chat.quotes.of(props.id));
  const entry = (): Entry | undefined => {
    const message = quoted();
    return message ? alone.message(message) : undefined;
  };
  const small = () => {
    const of = entry();
    const picture = of && (of.media?.kind === "photo" || of.media?.kind === "video");
    return picture ? (thumbAddress(of) ?? previewAddress(of.media?.preview)) : undefined;
  };
  const text = () => {
    const message = quoted();
    if (message === undefined) return "…";
    if (message === null) return t.chat.quoteGone;
    return rowText(message);
  };
  const who = () => {
    const message = quoted();
    return message?.from_id ? senderName(chat, message.from_id) : "";
  };
  return (
    <>
      <Show when={small()}>{(src) => <img class="quote-picture" src={src()} alt="" />}</Show>
      <Show when={!props.label}>
        <span class="visually-hidden">{t.chat.reply}: </span>
      </Show>
      <span class="quote-words">
        <Show when={props.label ?? who()}>{(name) => <bdi class="quote-name ellipsis">{name()}</bdi>}</Show>
        <span class="quote-text" dir="auto">
          {text()}
        </span>
      </span>
    </>
  );
}
