/** What the parts of an open chat share. */

import { type Accessor, createContext, useContext } from "solid-js";
import type { ChatRow } from "../../bridge/protocol";
import type { History } from "../../state/history";
import type { OwnPictures } from "../../state/outgoing";
import type { Quotes } from "../../state/quotes";
import type { Removals } from "../../state/removal";
import type { Selection } from "../../state/selection";
import type { Entry } from "./rows";

export interface OpenChat {
  chatId: string;
  meId: number;
  row: Accessor<ChatRow | undefined>;
  isGroup: Accessor<boolean>;
  /** This person may write here. */
  writable: Accessor<boolean>;
  history: History;
  quotes: Quotes;
  selection: Selection;
  removals: Removals;
  pictures: OwnPictures;
  /** Stored bytes of files on their way, by the key of what is sent. */
  progress: Accessor<ReadonlyMap<number, number>>;
  /** The message that was jumped to, for a moment; 0: none. */
  marked: Accessor<number>;
  /** What a person is called; "You" is said by `senderName`. */
  nameOf(userId: number): string;
  /** Goes to a message and shows which one it is; "back" leads to where one was. */
  jump(id: number): void;
  /** Begin to answer, or to change, a message. */
  reply(entry: Entry): void;
  edit(entry: Entry): void;
  forward(entries: readonly Entry[]): void;
  remove(entries: readonly Entry[]): void;
  seenBy(entry: Entry): void;
  /** Opens pictures and videos in full. */
  look(entry: Entry): void;
}

export const ChatContext = createContext<OpenChat>();

export function useChat(): OpenChat {
  const chat = useContext(ChatContext);
  if (chat === undefined) throw new Error("outside of a chat");
  return chat;
}
