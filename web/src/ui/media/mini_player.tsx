import { Show } from "solid-js";
import { t } from "../../i18n";
import { formatDuration, formatNumber } from "../../i18n/format";
import { openChat } from "../../state/route";
import { IconButton, keepFocus } from "../base";
import { lengthMs, nextSpeed, pause, play, playing, positionMs, seek, speed, stop, track } from "./player";
import "./media.css";

/** What sounds, wherever one is: stop it, go to it, move in it. */
export function MiniPlayer() {
  return (
    <Show when={track()}>
      {(now) => (
        <section ref={keepFocus} class="mini-player" aria-label={t.chat.player}>
          <IconButton
            icon={playing() ? "pause" : "play"}
            label={playing() ? t.chat.pause : t.chat.play}
            onClick={() => (playing() ? pause() : play(now()))}
          />
          <button
            type="button"
            class="mini-player-title"
            onClick={() => openChat(now().chatId, now().messageId)}
          >
            <bdi class="ellipsis">{now().title}</bdi>
          </button>
          <span class="mini-player-time">{formatDuration(positionMs())}</span>
          <Show when={now().kind === "voice"}>
            <button
              type="button"
              class="mini-player-speed"
              aria-label={t.chat.speed(formatNumber(speed()))}
              onClick={nextSpeed}
            >
              {formatNumber(speed())}×
            </button>
          </Show>
          <IconButton icon="close" label={t.chat.stopPlaying} onClick={stop} />
          <input
            type="range"
            class="mini-player-place"
            aria-label={t.chat.position}
            aria-valuetext={formatDuration(positionMs())}
            min={0}
            max={Math.max(1, lengthMs())}
            value={positionMs()}
            style={{ "--share": `${(100 * positionMs()) / Math.max(1, lengthMs())}%` }}
            onInput={(event) => seek(event.currentTarget.valueAsNumber / Math.max(1, lengthMs()))}
          />
        </section>
      )}
    </Show>
  );
}
