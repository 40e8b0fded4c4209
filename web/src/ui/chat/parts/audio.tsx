import { createMemo, Show, untrack } from "solid-js";
import { t } from "../../../i18n";
import { formatDuration } from "../../../i18n/format";
import { IconButton } from "../../base";
import { fileAddress } from "../../media/address";
import { lengthMs, play, playing, positionMs, seek, toggle, track, type Track } from "../../media/player";
import { Wave } from "../../media/wave";
import { useChat, type OpenChat } from "../context";
import { senderName } from "../names";
import { Entries, type Entry } from "../rows";
import { FileIcon, Size } from "./file";
import { Meta } from "./meta";
import type { PartProps } from "./part";

function trackOf(chat: OpenChat, entry: Entry): Track | undefined {
  const address = fileAddress(entry);
  const media = entry.media;
  if (address === undefined || media === undefined) return undefined;
  const kind = media.kind === "voice" ? "voice" : "audio";
  const title = kind === "audio" && media.name ? media.name : senderName(chat, entry.fromId);
  const durationMs = media.duration_ms ?? 0;
  const next = () => nextVoice(chat, entry);
  return { address, chatId: chat.chatId, messageId: entry.id, title, kind, durationMs, next };
}

const entries = new Entries(0);

/** Voice messages that follow one another are heard one after the other. */
function nextVoice(chat: OpenChat, entry: Entry): Track | undefined {
  const { messages } = untrack(chat.history.piece);
  const message = messages.find(({ id, deleted }) => id > entry.id && !deleted);
  if (entry.media?.kind !== "voice" || message?.media?.kind !== "voice") return undefined;
  return trackOf(chat, entries.message(message));
}

/** A voice message with its waveform, or a piece of music. */
export function AudioPart(props: PartProps) {
  const chat = useChat();
  const file = () => props.entry.media ?? props.entry.outgoing!.file!;
  const isVoice = () => file().kind === "voice";
  const own = createMemo(() => trackOf(chat, props.entry));
  const mine = () => own() !== undefined && track()?.address === own()?.address;
  const durationMs = () =>
    (mine() && lengthMs()) ||
    props.entry.media?.duration_ms ||
    props.entry.outgoing?.file?.durationMs ||
    0;
  const share = () => (mine() && lengthMs() > 0 ? positionMs() / lengthMs() : 0);
  const seekHere = (to: number) => {
    const track = own();
    if (!track) return;
    if (!mine()) play(track);
    seek(to);
  };
  return (
    <div class="audio-part" classList={{ voice: isVoice() }}>
      <Show when={own()} fallback={<FileIcon entry={props.entry} />}>
        {(track) => (
          <IconButton
            kind="primary"
            class="audio-play"
            icon={mine() && playing() ? "pause" : "play"}
            label={mine() && playing() ? t.chat.pause : isVoice() ? t.chat.playVoice : t.chat.play}
            onClick={() => toggle(track())}
          />
        )}
      </Show>
      <span class="audio-words">
        <Show when={isVoice()} fallback={<bdi class="file-name">{file().name || t.chat.kinds.audio}</bdi>}>
          <Wave waveform={file().waveform} share={share()} durationMs={durationMs()} onSeek={seekHere} />
        </Show>
        <span class="file-size">
          <Show when={props.entry.media} fallback={<Size entry={props.entry} />}>
            {formatDuration(mine() ? positionMs() : durationMs())}
          </Show>
        </span>
      </span>
      <Show when={props.meta}>
        <Meta entry={props.entry} />
      </Show>
    </div>
  );
}
