/**
 * A column whose text may hold NUL, as a SELECT names it: such a text comes as bytes. The
 * `node:sqlite` of Node 22, and of the first versions of 24, ends a text at its first NUL.
 *
 * @param isMeant which rows may hold such a text: the others are not searched
 */
export function nulText(column: string, isMeant = 'true'): string {
  const holdsNul = `${isMeant} AND instr(${column}, char(0))`;
  return `iif(${holdsNul}, CAST(${column} AS BLOB), ${column}) AS ${column}`;
}

/** What such a column has given. */
export type NulText = string | Uint8Array;

/** The text that such a column has given. */
export function textOfNul(cell: NulText): string {
  return typeof cell === 'string' ? cell : Buffer.from(cell).toString();
}
