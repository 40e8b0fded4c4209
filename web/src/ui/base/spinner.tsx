/** Something is under way. `label` where nothing else says what. */
export function Spinner(props: { label?: string }) {
  return (
    <span
      class="spinner"
      role={props.label === undefined ? undefined : "status"}
      aria-label={props.label}
      aria-hidden={props.label === undefined}
    />
  );
}
