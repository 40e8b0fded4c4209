import { t } from "../../i18n";
import { IconButton, openMenu } from "../base";

interface Choice {
  accept: string;
  capture?: "environment";
}

/** Asks for files. The element lives only as long as the question. */
function choose({ accept, capture }: Choice, onFiles: (files: File[]) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = capture === undefined;
  input.accept = accept;
  input.hidden = true;
  if (capture) input.setAttribute("capture", capture);
  const done = () => input.remove();
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    done();
    if (files.length > 0) onFiles(files);
  });
  input.addEventListener("cancel", done);
  document.body.append(input);
  input.click();
}

const PICTURES = "image/*,video/*";

/** On a desktop the files themselves; on a telephone first which kind, for its own pickers differ. */
export function AttachButton(props: { onFiles: (files: File[]) => void }) {
  const open = (event: MouseEvent & { currentTarget: HTMLElement }) => {
    if (!matchMedia("(pointer: coarse)").matches) return choose({ accept: "" }, props.onFiles);
    openMenu({
      at: event.currentTarget,
      label: t.chat.attach,
      items: [
        { label: t.chat.attachPictures, icon: "image", act: () => choose({ accept: PICTURES }, props.onFiles) },
        {
          label: t.chat.attachCamera,
          icon: "camera",
          act: () => choose({ accept: "image/*", capture: "environment" }, props.onFiles),
        },
        { label: t.chat.attachFile, icon: "file", act: () => choose({ accept: "" }, props.onFiles) },
      ],
    });
  };
  return <IconButton icon="attach" label={t.chat.attach} class="composer-attach" onClick={open} />;
}
