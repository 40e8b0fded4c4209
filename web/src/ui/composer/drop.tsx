import { createSignal, onCleanup, onMount, Show } from "solid-js";
import { t } from "../../i18n";
import { hasFiles } from "../app/drops";
import { Icon } from "../base";

/** While files are dragged, a browser says so several times a second; when it does not, they are gone. */
const GONE_MS = 900;

/** A place for files that are dragged over the page. It goes whatever becomes of them. */
export function DropTarget(props: { onFiles: (files: File[]) => void; enabled: boolean }) {
  const [over, setOver] = createSignal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const gone = () => {
    clearTimeout(timer);
    setOver(false);
  };
  const dragged = (event: DragEvent) => {
    if (!props.enabled || !hasFiles(event)) return;
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    setOver(true);
    clearTimeout(timer);
    timer = setTimeout(gone, GONE_MS);
  };
  const left = (event: DragEvent) => {
    if (event.relatedTarget === null) gone();
  };
  const dropped = (event: DragEvent) => {
    gone();
    if (!props.enabled || !hasFiles(event)) return;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) props.onFiles(files);
  };
  const escaped = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !over()) return;
    event.preventDefault();
    event.stopPropagation();
    gone();
  };
  onMount(() => {
    addEventListener("dragenter", dragged);
    addEventListener("dragover", dragged);
    addEventListener("dragleave", left);
    addEventListener("drop", dropped);
    addEventListener("dragend", gone);
    addEventListener("keydown", escaped, true);
  });
  onCleanup(() => {
    gone();
    removeEventListener("dragenter", dragged);
    removeEventListener("dragover", dragged);
    removeEventListener("dragleave", left);
    removeEventListener("drop", dropped);
    removeEventListener("dragend", gone);
    removeEventListener("keydown", escaped, true);
  });
  return (
    <Show when={over()}>
      <div class="drop-target" aria-hidden="true">
        <Icon name="attach" />
        <p>{t.chat.dropHere}</p>
      </div>
    </Show>
  );
}
