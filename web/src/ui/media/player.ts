/**
 * One thing sounds at a time, and goes on while one looks at other chats: the element belongs to the
 * page and to no view.
 */

import { createEffect, createRoot, createSignal, on } from "solid-js";
import { myId } from "../../state/session";
import { failed } from "../../state/toasts";
import { beforeReload } from "../../sw/register";

export interface Track {
  /** Where it is: also what tells tracks apart. */
  address: string;
  chatId: string;
  messageId: number;
  /** Who says or plays it. */
  title: string;
  kind: "voice" | "audio";
  durationMs: number;
  /** What is played when it is over. */
  next?: () => Track | undefined;
}

const SPEEDS = [1, 1.5, 2] as const;

const [track, setTrack] = createSignal<Track>();
const [playing, setPlaying] = createSignal(false);
const [positionMs, setPositionMs] = createSignal(0);
const [lengthMs, setLengthMs] = createSignal(0);
const [speed, setSpeed] = createSignal(1);

export { lengthMs, playing, positionMs, speed, track };

beforeReload({ busy: playing });

let element: HTMLAudioElement | undefined;

function made(): HTMLAudioElement {
  if (element) return element;
  const audio = new Audio();
  audio.preload = "auto";
  audio.addEventListener("timeupdate", () => setPositionMs(audio.currentTime * 1000));
  audio.addEventListener("play", () => setPlaying(true));
  audio.addEventListener("pause", () => setPlaying(false));
  audio.addEventListener("durationchange", () => {
    // What was recorded by a browser may say that it never ends.
    if (Number.isFinite(audio.duration)) setLengthMs(audio.duration * 1000);
  });
  audio.addEventListener("ended", () => {
    const next = track()?.next?.();
    if (next) play(next);
    else stop();
  });
  element = audio;
  return audio;
}

/** Plays this, from where it was if it is the one that is there. */
export function play(wanted: Track): void {
  const audio = made();
  if (track()?.address !== wanted.address) {
    audio.src = wanted.address;
    setPositionMs(0);
    setLengthMs(wanted.durationMs);
  }
  setTrack(wanted);
  audio.playbackRate = wanted.kind === "voice" ? speed() : 1;
  audio.play().catch((why: unknown) => {
    // Another one was begun before this one had loaded.
    if (why instanceof DOMException && why.name === "AbortError") return;
    stop();
    failed(why);
  });
}

export function toggle(wanted: Track): void {
  if (track()?.address === wanted.address && playing()) pause();
  else play(wanted);
}

export function pause(): void {
  element?.pause();
}

/** To a share of the whole, between 0 and 1. */
export function seek(share: number): void {
  if (element === undefined) return;
  const ms = Math.max(0, Math.min(1, share)) * lengthMs();
  element.currentTime = ms / 1000;
  setPositionMs(ms);
}

export function nextSpeed(): void {
  const at = SPEEDS.findIndex((one) => one === speed());
  setSpeed(SPEEDS[(at + 1) % SPEEDS.length] ?? 1);
  if (element && track()?.kind === "voice") element.playbackRate = speed();
}

/** Nothing is played any more. */
export function stop(): void {
  element?.pause();
  element?.removeAttribute("src");
  setTrack(undefined);
  setPositionMs(0);
}

// Nobody hears what the account before was listening to.
createRoot(() => createEffect(on(myId, stop, { defer: true })));
