import { Show } from "solid-js";
import { dir, t } from "../../../i18n";
import { formatFull, formatTime } from "../../../i18n/format";
import { useChat } from "../context";
import type { Entry } from "../rows";

/** How far a message of one's own has come. */
export type Progress = "waiting" | "failed" | "sent" | "delivered" | "read";

const PATHS: Readonly<Record<Progress, string>> = {
  waiting: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 5v3.2l2 1.3",
  failed: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.8v4M8 11.2v.01",
  sent: "M3 8.6l3.2 3.2L13 5",
  delivered: "M1 8.8l3 3.1L10.4 5M8.6 11.4l.5.5L15.5 5",
  read: "M1 8.8l3 3.1L10.4 5M8.6 11.4l.5.5L15.5 5",
};

/** When it was written, whether it was changed, and how far it has come. */
export function Meta(props: { entry: Entry }) {
  const chat = useChat();
  const progress = (): Progress | undefined => {
    const { entry } = props;
    if (entry.outgoing) return entry.outgoing.state === "failed" ? "failed" : "waiting";
    if (entry.fromId !== chat.meId) return undefined;
    const row = chat.row();
    if (row?.kind === "saved") return undefined;
    if (entry.id <= (row?.read_outbox_id ?? 0)) return "read";
    return entry.id <= (row?.delivered_id ?? 0) ? "delivered" : "sent";
  };
  return (
    <span class="meta" dir={dir()}>
      {" "}
      <Show when={props.entry.message?.edited_ms}>{t.chat.edited} </Show>
      <time data-tip={formatFull(props.entry.dateMs)}>{formatTime(props.entry.dateMs)}</time>
      <Show when={progress()} keyed>
        {(at) => (
          <>
            <svg class={`ticks ${at}`} viewBox="0 0 16.5 16" aria-hidden="true">
              <path d={PATHS[at]} />
            </svg>
            <span class="visually-hidden"> {t.chat.progress[at]}</span>
          </>
        )}
      </Show>
    </span>
  );
}
