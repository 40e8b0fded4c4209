/** A message in one line, as lists and notifications show it. */

import type { Message } from "../contract";
import { serviceText, summary } from "../ui/chat/names";
import { nameOf } from "./people";
import { myId } from "./session";

/** What is said, without who says it. */
export function rowText(message: Message): string {
  if (message.action !== undefined) return serviceText({ meId: myId(), nameOf }, message);
  const media = message.media === undefined ? {} : { media: message.media };
  return summary({ message, text: message.text ?? "", ...media });
}
