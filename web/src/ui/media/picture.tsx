import { createEffect, createMemo, createSignal, on, Show } from "solid-js";
import type { Entry } from "../chat/rows";
import { fileAddress, previewAddress, thumbAddress } from "./address";

/** Longest side of a small picture that the server makes: what is shown smaller needs no more. */
const THUMB_PX = 320;

interface PictureProps {
  entry: Entry;
  /** How wide it is shown, in pixels. */
  width: number;
  /** One that this browser has just sent itself. */
  own?: string | undefined;
  /** Only the small picture: of a video. */
  thumbOnly?: boolean;
  alt: string;
}

/** Blurred, then small, then whole: in one place, whose size the caller has fixed. */
export function Picture(props: PictureProps) {
  const preview = createMemo(() => previewAddress(props.entry.media?.preview));
  const address = createMemo(() => {
    if (props.own) return props.own;
    const small = thumbAddress(props.entry);
    const enough = props.width * Math.min(devicePixelRatio, 2) <= THUMB_PX;
    return props.thumbOnly || (enough && small) ? small : fileAddress(props.entry);
  });
  const [loaded, setLoaded] = createSignal(false);
  const [broken, setBroken] = createSignal(false);
  createEffect(on(address, () => setBroken(false), { defer: true }));
  return (
    <>
      <Show when={!loaded() && preview()}>{(src) => <img class="picture-preview" src={src()} alt="" />}</Show>
      <Show when={!broken() && address()}>
        {(src) => (
          <img
            class="picture"
            classList={{ loaded: loaded() }}
            src={src()}
            alt={props.alt}
            draggable={false}
            decoding="async"
            onLoad={() => setLoaded(true)}
            onError={() => setBroken(true)}
          />
        )}
      </Show>
    </>
  );
}
