import { createMemo, For, Show } from "solid-js";
import { isPlainClick, openChat } from "../../../state/route";
import { emojiOnly, textParts } from "../text";
import { Meta } from "./meta";
import type { PartProps } from "./part";

/** A message of this page's own in this origin: opened here, not in another tab. */
function ownPlace(href: string): { chatId: string; messageId?: number } | undefined {
  const url = new URL(href);
  const found = /^\/c\/([^/]+)$/.exec(url.pathname);
  if (url.origin !== location.origin || !found?.[1]) return undefined;
  const message = /^#m([1-9]\d*)$/.exec(url.hash);
  return { chatId: decodeURIComponent(found[1]), ...(message && { messageId: Number(message[1]) }) };
}

function follow(event: MouseEvent, href: string): void {
  const own = isPlainClick(event) ? ownPlace(href) : undefined;
  if (own === undefined) return;
  event.preventDefault();
  openChat(own.chatId, own.messageId);
}

/** Text as it was written: its lines, its links, and in the direction of its own script. */
export function TextPart(props: PartProps) {
  const emoji = createMemo(() => (props.entry.media ? 0 : emojiOnly(props.entry.text)));
  return (
    <div class="text" dir="auto" data-emoji={emoji() || undefined}>
      <For each={textParts(props.entry.text)}>
        {(part) => (
          <Show when={part.href} fallback={part.text}>
            {(href) => (
              <a
                href={href()}
                target="_blank"
                rel="noopener noreferrer nofollow"
                onClick={(event) => follow(event, href())}
              >
                {part.text}
              </a>
            )}
          </Show>
        )}
      </For>
      <Show when={props.meta}>
        <Meta entry={props.entry} />
      </Show>
    </div>
  );
}
