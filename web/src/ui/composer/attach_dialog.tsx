import { createMemo, createResource, createSignal, For, onCleanup, Show } from "solid-js";
import type { Attachment } from "../../bridge/protocol";
import { t } from "../../i18n";
import { formatSize } from "../../i18n/format";
import { limit } from "../../state/session";
import { Button, Dialog, Icon, IconButton, type IconName, isComposing, written } from "../base";
import { asFile, prepare } from "./prepare";
import { lengthOf } from "./split";
import { grow } from "./textarea";

interface AttachDialogProps {
  files: readonly File[];
  /** What was written already. */
  caption: string;
  /** It is the draft, so that it outlives this dialog. */
  onCaption: (caption: string) => void;
  onClose: () => void;
  onSend: (caption: string, attachments: Attachment[]) => void;
}

const ICONS: Readonly<Record<Attachment["kind"], IconName>> = {
  photo: "image",
  video: "video",
  audio: "music",
  voice: "mic",
  file: "file",
};

const pictured = ({ kind }: Attachment) => kind === "photo" || kind === "video";

/** What is going to be sent, seen before it is. */
export default function AttachDialog(props: AttachDialogProps) {
  const [removed, setRemoved] = createSignal<ReadonlySet<File>>(new Set());
  const [plain, setPlain] = createSignal(false);
  const looked = new Map<File, Promise<Attachment>>();
  const [prepared] = createResource(
    () => props.files.filter((file) => !removed().has(file)),
    (files) =>
      Promise.all(
        files.map((file) => {
          const known = looked.get(file) ?? prepare(file);
          looked.set(file, known);
          return known;
        }),
      ),
    // It is there at once, and not only when the last file was looked at.
    { initialValue: [] },
  );
  const all = createMemo(() => prepared.latest);
  const shown = () => (plain() ? all().map(asFile) : all());
  const tooLarge = () => all().filter(({ blob }) => blob.size > limit("file_bytes_max") || blob.size === 0);
  const left = () => limit("caption_chars_max") - lengthOf(props.caption);
  const ready = () => !prepared.loading && all().length > 0 && tooLarge().length === 0 && left() >= 0;
  const send = () => ready() && props.onSend(written(props.caption), shown());
  const remove = (at: number) => {
    const files = props.files.filter((file) => !removed().has(file));
    const file = files[at];
    if (files.length <= 1 || file === undefined) props.onClose();
    else setRemoved((gone) => new Set([...gone, file]));
  };
  return (
    <Dialog
      title={t.chat.attachTitle(all().length)}
      onClose={props.onClose}
      footer={
        <Button kind="primary" icon="send" disabled={!ready()} onClick={send}>
          {t.chat.send}
        </Button>
      }
    >
      <div class="attachments" data-count={Math.min(shown().length, 3)}>
        <For each={shown()}>
          {(attachment, at) => <Attached attachment={attachment} onRemove={() => remove(at())} />}
        </For>
      </div>
      <Show when={all().some(pictured)}>
        <label class="attach-plain">
          <input type="checkbox" checked={plain()} onChange={(event) => setPlain(event.currentTarget.checked)} />
          {t.chat.sendAsFiles(all().length)}
        </label>
      </Show>
      <For each={tooLarge()}>
        {({ name, blob }) => (
          <p class="attach-problem" role="alert">
            {blob.size === 0 ? t.chat.fileEmpty(name) : t.chat.fileTooLarge(name, formatSize(limit("file_bytes_max")))}
          </p>
        )}
      </For>
      <textarea
        class="attach-caption"
        autofocus
        rows={1}
        dir="auto"
        aria-label={t.chat.caption}
        placeholder={t.chat.caption}
        value={props.caption}
        onInput={(event) => {
          props.onCaption(event.currentTarget.value);
          grow(event.currentTarget);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
          event.preventDefault();
          send();
        }}
      />
      <Show when={left() < 100}>
        <p class="attach-left" classList={{ over: left() < 0 }} role="status">
          {t.chat.charactersLeft(left())}
        </p>
      </Show>
    </Dialog>
  );
}

function Attached(props: { attachment: Attachment; onRemove: () => void }) {
  const address = URL.createObjectURL(props.attachment.blob);
  onCleanup(() => URL.revokeObjectURL(address));
  const { kind, name, blob } = props.attachment;
  return (
    <figure class="attached" classList={{ pictured: pictured(props.attachment) }}>
      <Show
        when={pictured(props.attachment)}
        fallback={
          <figcaption class="attached-file">
            <Icon name={ICONS[kind]} />
            <span class="file-words">
              <bdi class="file-name">{name}</bdi>
              <span class="file-size">{formatSize(blob.size)}</span>
            </span>
          </figcaption>
        }
      >
        <Show when={kind === "video"} fallback={<img src={address} alt={name} />}>
          <video src={address} muted preload="metadata" aria-label={name} />
        </Show>
      </Show>
      <IconButton icon="close" label={t.chat.removeFile(name)} class="attached-remove" onClick={props.onRemove} />
    </figure>
  );
}
