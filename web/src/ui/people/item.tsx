import { Show, type JSX } from "solid-js";
import { nameOf, person } from "../../state/people";
import { Avatar } from "../base";

/** A person in a list: picture, name, and a line about them. */
export function PersonLine(props: { userId: number; note?: JSX.Element }) {
  const user = () => person(props.userId);
  return (
    <>
      <span class="person-words">
        <span class="person-name ellipsis" dir="auto">
          {nameOf(props.userId)}
        </span>
        <Show when={props.note ?? user()?.username}>
          <span class="person-note ellipsis">{props.note ?? <bdi dir="ltr">@{user()?.username}</bdi>}</span>
        </Show>
      </span>
      <Avatar
        size="m"
        name={nameOf(props.userId)}
        ownerId={props.userId}
        photo={user()?.photo}
        online={user()?.status?.online}
      />
    </>
  );
}
