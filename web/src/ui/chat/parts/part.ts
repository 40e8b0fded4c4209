/** What a part of a message is given. */

import type { Component } from "solid-js";
import type { Entry } from "../rows";

export interface PartProps {
  entry: Entry;
  /** It is the one that says when the message was written, and what became of it. */
  meta: boolean;
}

/** A kind of content that a bubble can have. */
export interface Part {
  name: string;
  /** Whether a message has it. */
  shows: (entry: Entry) => boolean;
  view: Component<PartProps>;
  /** It says the time itself where it is the last one. */
  meta?: true;
}
