/** A sign that can be seen, nearly as the server has it (`api/visible.py`). */
const SEEN = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/u;

/** What somebody has written, without the blank around it; nothing where nothing of it can be seen. */
export function written(text: string): string {
  return SEEN.test(text) ? text.trim() : "";
}
