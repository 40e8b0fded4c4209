/** Whether a key is part of how an input method composes a word: one of its keys, or the one that ends it. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
