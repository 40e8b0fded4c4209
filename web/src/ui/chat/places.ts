/** Where one was in each chat, for as long as the page is open. */

/** A message and the offset of its top from the lower edge of the list. */
export interface Place {
  id: number;
  offset: number;
}

const CHATS_MAX = 500;
const places = new Map<string, Place>();

export function placeOf(chatId: string): Place | undefined {
  return places.get(chatId);
}

/** `undefined`: at the end, where one wants to see what is new. */
export function keepPlace(chatId: string, place: Place | undefined): void {
  places.delete(chatId);
  if (place === undefined) return;
  places.set(chatId, place);
  const oldest = places.keys().next().value;
  if (places.size > CHATS_MAX && oldest !== undefined) places.delete(oldest);
}
