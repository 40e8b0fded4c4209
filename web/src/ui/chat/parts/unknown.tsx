import { Show } from "solid-js";
import { t } from "../../../i18n";
import { Meta } from "./meta";
import type { PartProps } from "./part";

/** A kind that is newer than this page. */
export function UnknownPart(props: PartProps) {
  return (
    <div class="text unknown">
      {t.chat.unknownMessage}
      <Show when={props.meta}>
        <Meta entry={props.entry} />
      </Show>
    </div>
  );
}
