/**
 * The mark of Heliograph: a mirror that throws sunlight. `flashing` while the connection is
 * sought: a heliograph speaks by flashes.
 */
export function Mark(props: { flashing?: boolean }) {
  return (
    <svg class="mark" classList={{ flashing: props.flashing === true }} viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-rays" d="M16 2v3.5M16 26.5V30M2 16h3.5M26.5 16H30M6.1 6.1l2.5 2.5M23.4 23.4l2.5 2.5M6.1 25.9l2.5-2.5M23.4 8.6l2.5-2.5" />
      <circle class="mark-disc" cx="16" cy="16" r="7.5" />
      <path class="mark-glint" d="M12.5 19.5l7-7" />
    </svg>
  );
}
