import { onCleanup } from "solid-js";

export const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;

function keep(event: DragEvent): void {
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
}

/**
 * A file that is dropped where nobody takes it does not replace the page, with all that is not sent yet.
 * It hears of it first: whoever takes files (the composer) allows it afterwards.
 */
export function keepPage(): void {
  for (const kind of ["dragenter", "dragover", "drop"] as const) {
    addEventListener(kind, keep, true);
    onCleanup(() => removeEventListener(kind, keep, true));
  }
}
