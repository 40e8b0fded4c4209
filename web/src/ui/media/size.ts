/** How large pictures are shown: known before they are loaded, so that nothing moves. */

export interface Box {
  width: number;
  height: number;
}

/** What a picture without known sides is taken for. */
const UNKNOWN: Box = { width: 320, height: 240 };
const WIDTH_MAX = 420;
const HEIGHT_MAX = 440;
const SIDE_MIN = 88;

/** Of a single picture: its own proportions, within limits; very long ones are cut at the sides. */
export function pictureBox(width: number | undefined, height: number | undefined): Box {
  const own = width && height ? { width, height } : UNKNOWN;
  const scale = Math.min(WIDTH_MAX / own.width, HEIGHT_MAX / own.height, 1);
  const least = (side: number) => Math.max(SIDE_MIN, Math.round(side * scale));
  return { width: Math.min(WIDTH_MAX, least(own.width)), height: Math.min(HEIGHT_MAX, least(own.height)) };
}

/** Rows of an album, as counts: two or three in a row, the larger rows below. */
export function albumRows(count: number): number[] {
  const rows: Record<number, number[]> = {
    1: [1],
    2: [2],
    3: [1, 2],
    4: [2, 2],
    5: [2, 3],
    6: [3, 3],
    7: [2, 2, 3],
    8: [2, 3, 3],
    9: [3, 3, 3],
    10: [2, 2, 3, 3],
  };
  return rows[count] ?? [...Array<number>(Math.floor(count / 3)).fill(3), ...(count % 3 ? [count % 3] : [])];
}
