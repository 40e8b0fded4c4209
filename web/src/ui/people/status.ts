import type { Status } from "../../contract";
import { formatAgo, t } from "../../i18n";
import { minute } from "../../state/clock";

/** "online", "last seen 5 minutes ago"; nothing of somebody who does not tell. */
export function presenceText(status: Status | undefined): string {
  if (status === undefined) return "";
  if (status.online) return t.shell.online;
  return status.last_seen_ms === 0
    ? t.shell.lastSeenUnknown
    : t.shell.lastSeen(formatAgo(status.last_seen_ms, minute()));
}
