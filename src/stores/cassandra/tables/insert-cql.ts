/** An INSERT with one `?` a column, in the order of the columns. */
export function insertCql(table: string, columns: readonly string[]): string {
  const values = columns.map(() => '?').join(', ');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values})`;
}
