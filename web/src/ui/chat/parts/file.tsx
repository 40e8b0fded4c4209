import { Show } from "solid-js";
import { t } from "../../../i18n";
import { formatSize } from "../../../i18n/format";
import { Icon } from "../../base";
import { fileAddress } from "../../media/address";
import type { Entry } from "../rows";
import { Meta } from "./meta";
import type { PartProps } from "./part";
import { Transfer, useShare } from "./transfer";

/** Name and size; a press downloads it. */
export function FilePart(props: PartProps) {
  const file = () => props.entry.media ?? props.entry.outgoing!.file!;
  return (
    <div class="file-part">
      <Show when={fileAddress(props.entry)} fallback={<FileIcon entry={props.entry} />}>
        {(address) => (
          <a class="file-icon" href={address()} download={file().name || "file"} aria-label={t.chat.download(file().name)}>
            <Icon name="file" />
          </a>
        )}
      </Show>
      <span class="file-words">
        <bdi class="file-name">{file().name || t.chat.kinds.file}</bdi>
        <span class="file-size">
          <Size entry={props.entry} />
        </span>
      </span>
      <Show when={props.meta}>
        <Meta entry={props.entry} />
      </Show>
    </div>
  );
}

/** While it is on its way: what has arrived. */
export function FileIcon(props: { entry: Entry }) {
  return (
    <span class="file-icon">
      <Show when={props.entry.outgoing?.state !== "failed"} fallback={<Icon name="alert" />}>
        <Transfer entry={props.entry} />
      </Show>
    </span>
  );
}

export function Size(props: { entry: Entry }) {
  const share = useShare(() => props.entry);
  const size = () => (props.entry.media ?? props.entry.outgoing!.file!).size;
  return (
    <Show when={share() !== undefined} fallback={formatSize(size())}>
      {formatSize((share() ?? 0) * size())} / {formatSize(size())}
    </Show>
  );
}
