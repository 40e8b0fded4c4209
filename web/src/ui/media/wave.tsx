import { createMemo } from "solid-js";
import { t } from "../../i18n";
import { formatDuration } from "../../i18n/format";
import { bars } from "../composer/waveform";

const BARS = 44;
const STEP = 4;
const HEIGHT = 28;

/** All bars as one path: one element, however many they are. */
function pathOf(heights: readonly number[]): string {
  return heights
    .map((height, at) => {
      const half = Math.max(1, (height * (HEIGHT - 3)) / 2);
      return `M${at * STEP + 2} ${HEIGHT / 2 - half}V${HEIGHT / 2 + half}`;
    })
    .join("");
}

interface WaveProps {
  waveform: string | undefined;
  /** How much was played: 0 to 1. */
  share: number;
  durationMs: number;
  onSeek: (share: number) => void;
}

/** The loudness of a voice message, and where in it one is: a slider to a keyboard. Time goes from
 * left to right, as in every player. */
export function Wave(props: WaveProps) {
  const heights = createMemo(() => bars(props.waveform, BARS));
  const path = createMemo(() => pathOf(heights()));
  const played = createMemo(() => pathOf(heights().slice(0, Math.round(props.share * BARS))));
  const point = (event: MouseEvent & { currentTarget: SVGSVGElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    props.onSeek((event.clientX - box.left) / box.width);
  };
  return (
    <svg
      class="wave"
      viewBox={`0 0 ${BARS * STEP} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="slider"
      tabindex={0}
      aria-label={t.chat.position}
      aria-valuemin={0}
      aria-valuemax={Math.round(props.durationMs / 1000)}
      aria-valuenow={Math.round((props.share * props.durationMs) / 1000)}
      aria-valuetext={formatDuration(props.share * props.durationMs)}
      onClick={point}
      onKeyDown={(event) => {
        const way = event.key === "ArrowRight" ? 0.05 : event.key === "ArrowLeft" ? -0.05 : 0;
        if (way === 0) return;
        event.preventDefault();
        event.stopPropagation();
        props.onSeek(props.share + way);
      }}
    >
      <path class="wave-all" d={path()} />
      <path class="wave-played" d={played()} />
    </svg>
  );
}
