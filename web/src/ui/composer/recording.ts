/** A voice message while it is spoken. */

import type { Attachment } from "../../bridge/protocol";
import { loudness, toBase64, waveformOf } from "./waveform";

const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
const LISTEN_MS = 50;
const BITS_PER_SECOND = 32_000;

export interface Recording {
  /** Ends it: what was spoken, or undefined if that was nothing. */
  finish(): Promise<Attachment | undefined>;
}

/** Whether this page may record at all: without https it may not. */
export function canRecord(): boolean {
  return typeof MediaRecorder !== "undefined" && navigator.mediaDevices !== undefined;
}

/**
 * Begins to record; the person may be asked whether that is right. `heard`: the loudness, from 0 to 1,
 * and how long it has lasted.
 */
export async function record(heard: (level: number, ms: number) => void): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true },
  });
  try {
    return capture(stream, heard);
  } catch (why) {
    // Else the microphone would stay on.
    for (const track of stream.getTracks()) track.stop();
    throw why;
  }
}

function capture(stream: MediaStream, heard: (level: number, ms: number) => void): Recording {
  const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, {
    audioBitsPerSecond: BITS_PER_SECOND,
    ...(type && { mimeType: type }),
  });
  const pieces: Blob[] = [];
  recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));

  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const levels: number[] = [];
  const began = performance.now();
  const listening = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const level = loudness(samples);
    levels.push(level);
    heard(Math.min(1, level * 4), performance.now() - began);
  }, LISTEN_MS);
  recorder.start();

  const stop = (): Promise<void> => {
    clearInterval(listening);
    void context.close();
    return new Promise((resolve) => {
      const end = () => {
        for (const track of stream.getTracks()) track.stop();
        resolve();
      };
      if (recorder.state === "inactive") return end();
      recorder.addEventListener("stop", end, { once: true });
      recorder.stop();
    });
  };

  return {
    async finish() {
      const durationMs = Math.round(performance.now() - began);
      await stop();
      const mime = (recorder.mimeType || type || "audio/webm").split(";")[0]!;
      const blob = new Blob(pieces, { type: mime });
      if (blob.size === 0) return undefined;
      const name = `voice.${mime.split("/")[1]}`;
      const waveform = toBase64(waveformOf(levels));
      return { blob, name, kind: "voice", mime, durationMs, waveform };
    },
  };
}
