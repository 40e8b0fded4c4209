import { createMemo, Show } from "solid-js";
import { t } from "../../../i18n";
import { formatNumber } from "../../../i18n/format";
import { ask } from "../../../state/bridge";
import { failed } from "../../../state/toasts";
import { Icon } from "../../base";
import { useChat } from "../context";
import type { Entry } from "../rows";

/** How much of a file that is on its way has arrived: 0 to 1; undefined: it is there. */
export function useShare(entry: () => Entry): () => number | undefined {
  const chat = useChat();
  return createMemo(() => {
    const { outgoing } = entry();
    if (!outgoing?.file) return undefined;
    const sent = Math.max(chat.progress().get(outgoing.key) ?? 0, outgoing.file.sent);
    return outgoing.file.size ? Math.min(1, sent / outgoing.file.size) : 0;
  });
}

const ROUND = 2 * Math.PI * 15;

/** A ring that fills; a press pauses it and goes on. */
export function Transfer(props: { entry: Entry }) {
  const share = useShare(() => props.entry);
  const outgoing = () => props.entry.outgoing!;
  const paused = () => outgoing().file?.paused === true;
  const pause = (event: Event) => {
    event.stopPropagation();
    ask("pause", { key: outgoing().key, paused: !paused() }).catch(failed);
  };
  const percent = () => formatNumber(Math.round((share() ?? 0) * 100));
  return (
    <Show when={share() !== undefined && props.entry.outgoing?.state !== "failed"}>
      <span class="transfer">
        <svg
          viewBox="0 0 36 36"
          role="progressbar"
          aria-label={t.chat.uploaded(percent())}
          aria-valuenow={Math.round((share() ?? 0) * 100)}
        >
          <circle class="transfer-all" cx="18" cy="18" r="15" />
          <circle
            class="transfer-done"
            cx="18"
            cy="18"
            r="15"
            stroke-dasharray={`${(share() ?? 0) * ROUND} ${ROUND}`}
          />
        </svg>
        <button type="button" aria-label={paused() ? t.chat.resume : t.chat.pauseSending} onClick={pause}>
          <Icon name={paused() ? "up" : "pause"} small />
        </button>
      </span>
    </Show>
  );
}
