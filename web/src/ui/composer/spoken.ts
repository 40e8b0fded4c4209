/** What is spoken for a chat, from when it begins until it is sent or dropped. */

import { type Accessor, createMemo, createSignal, onCleanup } from "solid-js";
import type { Attachment } from "../../bridge/protocol";
import { t } from "../../i18n";
import { ask } from "../../state/bridge";
import { openChat } from "../../state/route";
import { myId } from "../../state/session";
import { failed, offered, problem, told } from "../../state/toasts";
import { keepUnsent, unsent } from "../../state/unsent";
import { beforeReload } from "../../sw/register";
import { canRecord, record, type Recording } from "./recording";

/** So many of the last levels are shown. */
export const BARS = 48;
/** Shorter than this, a touch was a tap: it goes on until it is ended. */
export const TAP_MS = 350;

export interface Around {
  chatId: string;
  /** What it answers, which is answered then. */
  takeReply: () => number;
  /** It was not sent after all. */
  giveReply: (replyTo: number) => void;
  onSent: () => void;
}

export interface Spoken {
  /** Somebody speaks. */
  active: Accessor<boolean>;
  levels: Accessor<readonly number[]>;
  ms: Accessor<number>;
  /** What was spoken before somebody went away. */
  kept: Accessor<Attachment | undefined>;
  begin(): void;
  cancel(): Promise<void>;
  send(): Promise<void>;
}

/** Who goes away meanwhile finds it in this chat, where it can be sent. */
export function createSpoken(around: Around): Spoken {
  const { chatId } = around;
  const meId = myId();
  const [levels, setLevels] = createSignal<readonly number[]>([]);
  const [ms, setMs] = createSignal(0);
  const [active, setActive] = createSignal(false);
  const kept = createMemo(() => unsent(chatId).voice);
  let recording: Promise<Recording> | undefined;

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
    setActive(false);
  };

  /** What was spoken until now, if it is more than a tap. */
  const finish = async (): Promise<Attachment | undefined> => {
    const now = recording;
    end();
    const voice = await now?.then((one) => one.finish(), () => undefined); // it was told why
    return voice && (voice.durationMs ?? 0) >= TAP_MS ? voice : undefined;
  };

  const keep = (voice: Attachment | undefined) => keepUnsent(chatId, { voice });

  const take = async (): Promise<Attachment | undefined> => {
    const voice = active() ? await finish() : kept();
    keep(undefined);
    return voice;
  };

  const cancel = async () => {
    const voice = await take();
    if (voice === undefined) return;
    told(t.chat.recordingDropped, () => {
      keep(voice);
      openChat(chatId);
    });
  };

  const leave = async () => {
    const voice = await finish();
    // Nobody hears what the account before has said.
    if (voice === undefined || myId() !== meId) return;
    keep(voice);
    offered(t.chat.recordingKept, t.chat.openThere, () => openChat(chatId));
  };

  const send = async () => {
    const voice = await take();
    if (voice === undefined) return;
    const replyTo = around.takeReply();
    try {
      await ask("send", { chatId, text: "", files: [voice], ...(replyTo && { replyTo }) });
      around.onSent();
    } catch (why) {
      failed(why);
      around.giveReply(replyTo);
      keep(voice);
    }
  };

  onCleanup(beforeReload({ busy: active }));
  onCleanup(() => void leave());
  return { active, levels, ms, kept, begin, cancel, send };
}
