/** A text field in which a program writes as a person does: what it writes can be undone. */

/**
 * Writes over the selection. `execCommand` is the one way that keeps the browser's own undo; where
 * it is refused, the text is put in without.
 */
export function insertText(field: HTMLTextAreaElement, text: string): void {
  const before = document.activeElement;
  // A focus would bring the keyboard of a telephone over what one looks at.
  if (before === field || !matchMedia("(pointer: coarse)").matches) {
    field.focus({ preventScroll: true });
    // Deprecated, and without a successor that undo knows of.
    const done = document.execCommand?.("insertText", false, text);
    if (before instanceof HTMLElement && before.isConnected && before !== document.body) before.focus();
    if (done) return;
  }
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true, data: text, inputType: "insertText" }));
}

/** Another text altogether: another draft, or the message that is edited. The caret is at its end. */
export function replaceText(field: HTMLTextAreaElement, text: string): void {
  if (field.value === text) return;
  field.value = text;
  field.setSelectionRange(text.length, text.length);
}

const SIZES_ITSELF = typeof CSS !== "undefined" && CSS.supports?.("field-sizing", "content");

/** As high as its text, up to what the style allows. */
export function grow(field: HTMLTextAreaElement): void {
  if (SIZES_ITSELF) return;
  field.style.blockSize = "auto";
  field.style.blockSize = `${field.scrollHeight}px`;
}
