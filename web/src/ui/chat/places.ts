/** Where one was in each chat, for as long as the page is open. */

/** A message and the offset of its top from the lower edge of the list; `END` has none. */
export interface Place {
  id: number;
  offset: number;
}

/** At the end, where one wants to see what is new. */
export const END: Place = { id: 0, offset: 0 };

const CHATS_MAX = 500;
const places = new Map<string, Place>();

export function placeOf(chatId: string): Place | undefined {
  return places.get(chatId);
}

export function keepPlace(chatId: string, place: Place | undefined): void {
  places.delete(chatId);
  if (place === undefined || place === END) return;
  places.set(chatId, place);
  const oldest = places.keys().next().value;
  if (places.size > CHATS_MAX && oldest !== undefined) places.delete(oldest);
}
