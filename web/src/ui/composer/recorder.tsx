import { createEffect, createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import type { Attachment } from "../../bridge/protocol";
import { dir, t } from "../../i18n";
import { formatDuration } from "../../i18n/format";
import { ask } from "../../state/bridge";
import { openChat } from "../../state/route";
import { myId } from "../../state/session";
import { failed, offered, problem, told } from "../../state/toasts";
import { keepUnsent, unsent } from "../../state/unsent";
import { beforeReload } from "../../sw/register";
import { IconButton, keepFocus } from "../base";
import { canRecord, record, type Recording } from "./recording";
import { bars } from "./waveform";

interface RecorderProps {
  chatId: string;
  /** Something is written: the place is that of "send". */
  hidden: boolean;
  /** What it answers, which is answered then. */
  takeReply: () => number;
  /** It was not sent after all. */
  giveReply: (replyTo: number) => void;
  onRecording: (is: boolean) => void;
  onSent: () => void;
}

const BARS = 48;
/** Shorter than this, a touch was a tap: it goes on until it is ended. */
const TAP_MS = 350;
const CANCEL_PX = 90;

/**
 * A tap begins and goes on; a finger that stays down speaks, and lets go to send, or slides away to
 * drop it. Who goes away meanwhile finds what was spoken in this chat, where it can be sent.
 */
export function Recorder(props: RecorderProps) {
  const { chatId } = props;
  const meId = myId();
  const [levels, setLevels] = createSignal<readonly number[]>([]);
  const [ms, setMs] = createSignal(0);
  const [active, setActive] = createSignal(false);
  const [sliding, setSliding] = createSignal(0);
  let recording: Promise<Recording> | undefined;
  let held: { x: number; at: number } | undefined;
  // A touch ends with a click, which has been dealt with.
  let swallow = false;

  onCleanup(beforeReload({ busy: active }));

  const kept = () => unsent(chatId).voice;
  const there = createMemo(() => active() || kept() !== undefined);
  createEffect(() => props.onRecording(there()));

  const begin = () => {
    if (recording) return;
    if (!canRecord()) return problem(t.chat.cannotRecord);
    setLevels([]);
    setMs(0);
    setActive(true);
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
  };

  /** What was spoken until now, if it is more than a tap. */
  const finish = async (): Promise<Attachment | undefined> => {
    const now = recording;
    end();
    const voice = await now?.then((one) => one.finish(), () => undefined); // it was told why
    return voice && (voice.durationMs ?? 0) >= TAP_MS ? voice : undefined;
  };

  const cancel = async () => {
    const voice = active() ? await finish() : kept();
    keepUnsent(chatId, { voice: undefined });
    if (voice === undefined) return;
    told(t.chat.recordingDropped, () => {
      keepUnsent(chatId, { voice });
      openChat(chatId);
    });
  };

  const leave = async () => {
    const voice = await finish();
    // Nobody hears what the account before has said.
    if (voice === undefined || myId() !== meId) return;
    keepUnsent(chatId, { voice });
    offered(t.chat.recordingKept, t.chat.openThere, () => openChat(chatId));
  };
  onCleanup(() => void leave());

  const send = async () => {
    const voice = active() ? await finish() : kept();
    if (voice === undefined) return;
    keepUnsent(chatId, { voice: undefined });
    const replyTo = props.takeReply();
    try {
      await ask("send", { chatId, text: "", files: [voice], ...(replyTo && { replyTo }) });
      props.onSent();
    } catch (why) {
      failed(why);
      props.giveReply(replyTo);
      keepUnsent(chatId, { voice });
    }
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !active()) return;
    event.preventDefault();
    event.stopPropagation();
    void cancel();
  };
  addEventListener("keydown", keys, true);
  onCleanup(() => removeEventListener("keydown", keys, true));

  const down = (event: PointerEvent & { currentTarget: Element }) => {
    if (event.pointerType === "mouse" || there()) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    held = { x: event.clientX, at: event.timeStamp };
    swallow = true;
    begin();
  };
  const move = (event: PointerEvent) => {
    if (!held) return;
    const away = (held.x - event.clientX) * (dir() === "rtl" ? -1 : 1);
    setSliding(Math.max(0, away));
    if (away > CANCEL_PX) void cancel();
  };
  const up = (event: PointerEvent) => {
    const tapped = held && event.timeStamp - held.at < TAP_MS;
    const was = held;
    held = undefined;
    if (was && !tapped) void send();
  };

  return (
    <>
      <Show when={there()}>
        <IconButton
          ref={keepFocus}
          icon="trash"
          label={t.chat.cancelRecording}
          keys={active() ? t.shell.key.esc : undefined}
          onClick={() => void cancel()}
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
          onPointerCancel={() => held && void cancel()}
          onClick={() => {
            if (!swallow) there() ? void send() : begin();
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
