import { createSignal, Show } from "solid-js";
import type { Media } from "../../contract";
import { hueOf, initialsOf } from "./names";
import { Icon } from "./icons";

/** Where a picture of a person or a group is. `small`: its thumbnail, if it has one. */
export function photoUrl(ownerId: number | string, photo: Media, small: boolean): string {
  const fileId = small ? (photo.thumb?.file_id ?? photo.file_id) : photo.file_id;
  return `/media/photo/${encodeURIComponent(String(ownerId))}/${fileId}`;
}

interface AvatarProps {
  name: string;
  /** Of the person or the group: gives the colour, and the picture its address. */
  ownerId: number | string;
  photo?: Media | undefined;
  size?: "s" | "m" | "l" | "xl";
  /** The chat with oneself. */
  saved?: boolean | undefined;
  online?: boolean | undefined;
}

/** A picture, or coloured initials until there is one. The name stands beside it, so it says nothing. */
export function Avatar(props: AvatarProps) {
  const source = () =>
    props.photo && photoUrl(props.ownerId, props.photo, props.size !== "xl");
  const [broken, setBroken] = createSignal<string>();
  const shown = () => (source() === broken() ? undefined : source());
  return (
    <span
      class={`avatar ${props.size ?? "m"}`}
      aria-hidden="true"
      data-hue={props.saved ? "saved" : hueOf(props.ownerId)}
      data-initials={props.saved || shown() ? undefined : initialsOf(props.name)}
    >
      <Show when={props.saved}>
        <Icon name="bookmark" />
      </Show>
      <Show when={shown()} keyed>
        {(src) => (
          <img src={src} alt="" draggable={false} decoding="async" onError={() => setBroken(src)} />
        )}
      </Show>
      <Show when={props.online}>
        <span class="avatar-online" />
      </Show>
    </span>
  );
}
