import { createSignal, Show } from "solid-js";
import type { Media } from "../../contract";
import { t } from "../../i18n";
import { ask } from "../../state/bridge";
import { failed, later, problem } from "../../state/toasts";
import { Avatar, Button, Spinner } from "../base";

interface PictureProps {
  name: string;
  ownerId: number | string;
  photo: Media | undefined;
  /** With an empty ticket: no picture. */
  set: (ticket: string) => Promise<unknown>;
}

/** A picture that can be chosen, changed and removed. */
export function PictureEditor(props: PictureProps) {
  const [busy, setBusy] = createSignal(false);
  const [removed, setRemoved] = createSignal(false);
  const photo = () => (removed() ? undefined : props.photo);

  async function choose(file: File) {
    setBusy(true);
    setRemoved(false);
    try {
      await props.set(await uploadPicture(file));
    } catch (error) {
      if (error instanceof NotAPicture) problem(t.shell.notAPicture);
      else failed(error);
    } finally {
      setBusy(false);
    }
  }

  function remove() {
    setRemoved(true);
    const take = async () => {
      // A picture that was chosen meanwhile stays.
      if (removed()) await props.set("");
      setRemoved(false);
    };
    later(t.shell.pictureRemoved, take, () => setRemoved(false));
  }

  return (
    <div class="picture-editor">
      <span class="picture-frame">
        <Avatar size="xl" name={props.name} ownerId={props.ownerId} photo={photo()} />
        <Show when={busy()}>
          <span class="picture-busy">
            <Spinner label={t.shell.loading} />
          </span>
        </Show>
      </span>
      <div class="row-of-buttons">
        <ChoosePicture changed={photo() !== undefined} disabled={busy()} onChoose={choose} />
        <Show when={photo()}>
          <Button kind="quiet" onClick={remove}>
            {t.shell.removePicture}
          </Button>
        </Show>
      </div>
    </div>
  );
}

/** A button that asks for a picture of this device; its camera is among the choices of a telephone. */
export function ChoosePicture(props: {
  changed: boolean;
  disabled?: boolean;
  onChoose: (file: File) => void;
}) {
  let input: HTMLInputElement | undefined;
  return (
    <>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file !== undefined) props.onChoose(file);
        }}
      />
      <Button kind="plain" icon="camera" disabled={props.disabled} onClick={() => input?.click()}>
        {props.changed ? t.shell.changePicture : t.shell.choosePicture}
      </Button>
    </>
  );
}

export class NotAPicture extends Error {}

const SIDE_PX = 640;

/** The middle of it, square and no larger than it is ever shown; answers the ticket. */
export async function uploadPicture(file: File): Promise<string> {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new NotAPicture();
  });
  const side = Math.min(image.width, image.height);
  const size = Math.min(side, SIDE_PX);
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const paint = canvas.getContext("2d");
  if (paint === null) throw new NotAPicture();
  // A picture without a ground of its own gets a white one, for a JPEG has none.
  paint.fillStyle = "#fff";
  paint.fillRect(0, 0, size, size);
  paint.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, size, size);
  image.close();
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  if (blob === null) throw new NotAPicture();
  const { ticket } = await ask("upload", {
    file: { blob, name: "picture.jpg", kind: "photo", mime: "image/jpeg", width: size, height: size },
  });
  return ticket;
}

