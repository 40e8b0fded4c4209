import { createEffect, createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import type { Attachment } from "../../bridge/protocol";
import { dir, t } from "../../i18n";
import { formatDuration } from "../../i18n/format";
import { IconButton, keepFocus } from "../base";
import { type Around, BARS, createSpoken, TAP_MS } from "./spoken";
import { bars } from "./waveform";

interface RecorderProps extends Around {
  /** Something is written: the place is that of "send". */
  hidden: boolean;
  onRecording: (is: boolean) => void;
}

const CANCEL_PX = 90;

/**
 * A tap begins and goes on; a finger that stays down speaks, and lets go to send, or slides away to
 * drop it.
 */
export function Recorder(props: RecorderProps) {
  const { active, kept, levels, ms, ...spoken } = createSpoken(props);
  const [sliding, setSliding] = createSignal(0);
  let held: { x: number; at: number } | undefined;
  // A touch ends with a click, which has been dealt with.
  let swallow = false;

  const there = createMemo(() => active() || kept() !== undefined);
  createEffect(() => props.onRecording(there()));

  const letGo = () => {
    held = undefined;
    setSliding(0);
  };
  createEffect(() => active() || letGo());

  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !active()) return;
    event.preventDefault();
    event.stopPropagation();
    void spoken.cancel();
  };
  addEventListener("keydown", keys, true);
  onCleanup(() => removeEventListener("keydown", keys, true));

  const down = (event: PointerEvent & { currentTarget: Element }) => {
    if (event.pointerType === "mouse" || there()) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    swallow = true;
    spoken.begin();
    held = { x: event.clientX, at: event.timeStamp };
  };
  const move = (event: PointerEvent) => {
    if (!held) return;
    const away = (held.x - event.clientX) * (dir() === "rtl" ? -1 : 1);
    setSliding(Math.max(0, away));
    if (away > CANCEL_PX) void spoken.cancel();
  };
  const up = (event: PointerEvent) => {
    const tapped = held && event.timeStamp - held.at < TAP_MS;
    const was = held;
    held = undefined;
    if (was && !tapped) void spoken.send();
  };

  return (
    <>
      <Show when={there()}>
        <IconButton
          ref={keepFocus}
          icon="trash"
          label={t.chat.cancelRecording}
          keys={active() ? t.shell.key.esc : undefined}
          onClick={() => void spoken.cancel()}
        />
        <div class="recording" classList={{ kept: !active() }}>
          <Show when={active()} fallback={<Kept voice={kept()} />}>
            <span class="recording-dot" />
            <span class="recording-time" role="timer" aria-label={t.chat.recording}>
              {formatDuration(ms())}
            </span>
            <Show when={sliding() > 8} fallback={<Levels levels={levels()} />}>
              <span class="recording-hint">{t.chat.slideToCancel}</span>
            </Show>
          </Show>
        </div>
      </Show>
      <Show when={!props.hidden || there()}>
        <IconButton
          kind="primary"
          class="composer-send"
          icon={there() ? "send" : "mic"}
          label={there() ? t.chat.send : t.chat.record}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={() => held && void spoken.cancel()}
          onClick={() => {
            if (!swallow) there() ? void spoken.send() : spoken.begin();
            swallow = false;
          }}
        />
      </Show>
    </>
  );
}

/** What was spoken before somebody went away. */
function Kept(props: { voice: Attachment | undefined }) {
  return (
    <>
      <span class="recording-time" role="img" aria-label={t.chat.keptRecording(formatDuration(props.voice?.durationMs ?? 0))}>
        {formatDuration(props.voice?.durationMs ?? 0)}
      </span>
      <Levels levels={bars(props.voice?.waveform, BARS)} />
    </>
  );
}

function Levels(props: { levels: readonly number[] }) {
  return (
    <span class="recording-levels" aria-hidden="true">
      <For each={Array.from({ length: BARS }, (_, at) => at)}>
        {(at) => (
          <span
            style={{ "block-size": `${Math.max(8, (props.levels[props.levels.length - BARS + at] ?? 0) * 100)}%` }}
          />
        )}
      </For>
    </span>
  );
}
