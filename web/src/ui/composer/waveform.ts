/** The loudness of a voice message: 100 bytes, as the server keeps it (`waveform_bytes`). */

export const WAVEFORM_BYTES = 100;

/** Loudness of a block of samples between -1 and 1: 0 silent, 1 full. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < samples.length; at++) sum += samples[at]! * samples[at]!;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}

/** Any number of values as so many: each the greatest of its share, or the one that is there. */
export function resampled(values: readonly number[], count: number): number[] {
  if (values.length === 0) return new Array<number>(count).fill(0);
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * values.length) / count);
    const to = Math.max(from + 1, Math.floor(((at + 1) * values.length) / count));
    let most = 0;
    for (let of = from; of < to; of++) most = Math.max(most, values[of] ?? 0);
    return most;
  });
}

/** As bytes: relative to the loudest, with quiet ones lifted, as ears hear. */
export function waveformOf(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const shares = resampled(values, WAVEFORM_BYTES);
  const most = Math.max(...shares, 0.01);
  return Uint8Array.from(shares, (share) => Math.round(Math.sqrt(share / most) * 255));
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Heights between 0 and 1 of so many bars. What is no waveform is silence. */
export function bars(waveform: string | undefined, count: number): number[] {
  try {
    const bytes = Array.from(atob(waveform ?? ""), (char) => char.charCodeAt(0) / 255);
    return resampled(bytes, count);
  } catch {
    return resampled([], count);
  }
}
