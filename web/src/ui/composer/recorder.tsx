import { createSignal, For, onCleanup, Show } from "solid-js";
import { dir, t } from "../../i18n";
import { formatDuration } from "../../i18n/format";
import { ask } from "../../state/bridge";
import { failed, problem } from "../../state/toasts";
import { beforeReload } from "../../sw/register";
import { IconButton } from "../base";
import { canRecord, record, type Recording } from "./recording";

interface RecorderProps {
  chatId: string;
  /** Something is written: the place is that of "send". */
  hidden: boolean;
  /** What it answers, which is answered then. */
  takeReply: () => number;
  onRecording: (is: boolean) => void;
  onSent: () => void;
}

const BARS = 48;
/** Shorter than this, a touch was a tap: it goes on until it is ended. */
const TAP_MS = 350;
const CANCEL_PX = 90;

/**
 * A tap begins and goes on; a finger that stays down speaks, and lets go to send, or slides away to
 * drop it.
 */
export function Recorder(props: RecorderProps) {
  const [levels, setLevels] = createSignal<readonly number[]>([]);
  const [ms, setMs] = createSignal(0);
  const [active, setActive] = createSignal(false);
  const [sliding, setSliding] = createSignal(0);
  let recording: Promise<Recording> | undefined;
  let held: { x: number; at: number } | undefined;
  // A touch ends with a click, which has been dealt with.
  let swallow = false;

  onCleanup(beforeReload({ busy: active }));

  const begin = () => {
    if (recording) return;
    if (!canRecord()) return problem(t.chat.cannotRecord);
    setLevels([]);
    setMs(0);
    setActive(true);
    props.onRecording(true);
    recording = record((level, lasted) => {
      setMs(lasted);
      setLevels((all) => [...all.slice(1 - BARS), level]);
    });
    recording.catch((why: unknown) => {
      end();
      const denied = why instanceof DOMException && why.name === "NotAllowedError";
      problem(denied ? t.chat.recordingDenied : t.chat.cannotRecord);
    });
  };

  const end = () => {
    recording = undefined;
    held = undefined;
    setSliding(0);
    setActive(false);
    props.onRecording(false);
  };

  const cancel = () => {
    const now = recording;
    if (!now) return;
    end();
    now.then((one) => one.cancel()).catch(() => undefined);
  };

  const send = async () => {
    const now = recording;
    if (!now) return;
    end();
    try {
      const voice = await (await now).finish();
      if (voice === undefined || (voice.durationMs ?? 0) < TAP_MS) return;
      const replyTo = props.takeReply();
      const reply = replyTo ? { replyTo } : {};
      await ask("send", { chatId: props.chatId, text: "", files: [voice], ...reply });
      props.onSent();
    } catch (why) {
      failed(why);
    }
  };
  onCleanup(cancel);

  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !active()) return;
    event.preventDefault();
    event.stopPropagation();
    cancel();
  };
  addEventListener("keydown", keys, true);
  onCleanup(() => removeEventListener("keydown", keys, true));

  const down = (event: PointerEvent & { currentTarget: Element }) => {
    if (event.pointerType === "mouse" || active()) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    held = { x: event.clientX, at: event.timeStamp };
    swallow = true;
    begin();
  };
  const move = (event: PointerEvent) => {
    if (!held) return;
    const away = (held.x - event.clientX) * (dir() === "rtl" ? -1 : 1);
    setSliding(Math.max(0, away));
    if (away > CANCEL_PX) cancel();
  };
  const up = (event: PointerEvent) => {
    const tapped = held && event.timeStamp - held.at < TAP_MS;
    const was = held;
    held = undefined;
    if (was && !tapped) void send();
  };

  return (
    <>
      <Show when={active()}>
        <IconButton icon="trash" label={t.chat.cancelRecording} keys={t.shell.key.esc} onClick={cancel} />
        <div class="recording">
          <span class="recording-dot" />
          <span class="recording-time" role="timer" aria-label={t.chat.recording}>
            {formatDuration(ms())}
          </span>
          <Show when={sliding() > 8} fallback={<Levels levels={levels()} />}>
            <span class="recording-hint">{t.chat.slideToCancel}</span>
          </Show>
        </div>
      </Show>
      <Show when={!props.hidden || active()}>
        <IconButton
          kind="primary"
          class="composer-send"
          icon={active() ? "send" : "mic"}
          label={active() ? t.chat.send : t.chat.record}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={cancel}
          onClick={() => {
            if (!swallow) active() ? void send() : begin();
            swallow = false;
          }}
        />
      </Show>
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
