import { t } from "../../../i18n";
import { formatFull } from "../../../i18n/format";
import { openOverlay } from "../../../state/route";
import { useChat } from "../context";
import { senderName } from "../names";
import type { PartProps } from "./part";

/** Who wrote this first. */
export function ForwardPart(props: PartProps) {
  const chat = useChat();
  const forward = () => props.entry.message!.forward!;
  return (
    <button
      type="button"
      class="forwarded"
      data-tip={formatFull(forward().date_ms)}
      onClick={() => openOverlay({ kind: "person", userId: forward().from_id })}
    >
      {t.chat.forwardedFrom} <bdi>{senderName(chat, forward().from_id)}</bdi>
    </button>
  );
}
