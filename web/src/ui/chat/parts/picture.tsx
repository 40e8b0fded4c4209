import { createMemo, Show } from "solid-js";
import { t } from "../../../i18n";
import { formatDuration } from "../../../i18n/format";
import { Icon } from "../../base";
import { Picture } from "../../media/picture";
import { pictureBox } from "../../media/size";
import { useChat } from "../context";
import { Meta } from "./meta";
import type { PartProps } from "./part";
import { Transfer } from "./transfer";

/** A photograph or a video, alone in its message. */
export function PicturePart(props: PartProps) {
  const file = () => props.entry.media ?? props.entry.outgoing!.file!;
  const box = createMemo(
    () => pictureBox(file().width, file().height),
    undefined,
    { equals: (one, other) => one.width === other.width && one.height === other.height },
  );
  return (
    <div
      class="picture-part"
      style={{ "inline-size": `${box().width}px`, "aspect-ratio": `${box().width} / ${box().height}` }}
    >
      <PictureTile entry={props.entry} meta={props.meta} width={box().width} />
    </div>
  );
}

/** One picture, in a place whose size is fixed: also a tile of an album. */
export function PictureTile(props: PartProps & { width: number }) {
  const chat = useChat();
  const media = () => props.entry.media;
  const isVideo = () => (media()?.kind ?? props.entry.outgoing?.file?.kind) === "video";
  const randomId = createMemo<number | undefined>(
    // What was sent from here keeps its own picture, which is there at once.
    (before) => props.entry.outgoing?.randomId ?? props.entry.message?.random_id ?? before,
  );
  const own = () => (isVideo() ? undefined : chat.pictures.of(randomId()));
  const label = () => (isVideo() ? t.chat.kinds.video : t.chat.kinds.photo);
  return (
    <div class="picture-tile">
      <button
        type="button"
        class="picture-open"
        aria-label={label()}
        disabled={!props.entry.id}
        onClick={() => chat.look(props.entry)}
      >
        <Picture entry={props.entry} width={props.width} own={own()} thumbOnly={isVideo()} alt={label()} />
        <Show when={isVideo()}>
          <Icon name="play" class="picture-play" />
        </Show>
      </button>
      <Show when={isVideo() && media()?.duration_ms}>
        {(ms) => <span class="picture-length">{formatDuration(ms())}</span>}
      </Show>
      <Transfer entry={props.entry} />
      <Show when={props.meta}>
        <Meta entry={props.entry} />
      </Show>
    </div>
  );
}
