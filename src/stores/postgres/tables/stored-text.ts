/*
 * docs/format.md#relational-tables: PostgreSQL's text holds every character but U+0000. In columns
 * of ids and of what writers say of themselves `\` is `\\` and U+0000 is `\0`; a text without both
 * is itself.
 */

/** A text that may hold any character as the column keeps it. */
export function toStoredText(text: string): string {
  if (!text.includes('\\') && !text.includes('\0')) return text;
  return text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0');
}

/** The text that {@link toStoredText} was given. */
export function ofStoredText(stored: string): string {
  if (!stored.includes('\\')) return stored;
  return stored.replace(/\\(.)/gs, (_, kept: string) => (kept === '0' ? '\0' : kept));
}
