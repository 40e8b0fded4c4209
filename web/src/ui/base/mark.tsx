/**
 * The mark of Heliograph, as on its icon: a mirror that throws sunlight. `flashing` while the
 * connection is sought: a heliograph speaks by flashes.
 */
export function Mark(props: { flashing?: boolean }) {
  return (
    <svg class="mark" classList={{ flashing: props.flashing === true }} viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-rays" d="M21.5 10.5 28 4M24.2 16.3l5.8-1.6M15.7 7.8l1.6-5.8" />
      <circle class="mark-disc" cx="13" cy="19" r="9.5" />
      <path class="mark-star" d="M13 11.5q1 6.5 7.5 7.5-6.5 1-7.5 7.5-1-6.5-7.5-7.5 6.5-1 7.5-7.5z" />
    </svg>
  );
}
