/** Columns for terminals. */

function widthOf(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

function widths(rows: readonly (readonly string[])[]): readonly number[] {
  const columns: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      columns[at] = Math.max(columns[at] ?? 0, widthOf(cell));
    });
  }
  return columns;
}

/**
 * Rows in columns two blanks apart; cells lose surrounding blanks, the last cell of a row is not
 * padded. The form of the reference's tables.
 */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const trimmed = rows.map((row) => row.map((cell) => cell.trim()));
  const columns = widths(trimmed);
  return trimmed
    .map((row) =>
      row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, columns[at] ?? 0))).join("  "),
    )
    .join("\n");
}

/**
 * Rows as Go's `text/tabwriter` aligns cells that end with a tab: among neighbouring rows that have it, a
 * column is as wide as its widest cell plus `padding`, at least `widthMin`. A last cell neither widens its
 * column nor is padded.
 */
export function renderTabs(
  rows: readonly (readonly string[])[],
  options: { readonly padding: number; readonly widthMin: number },
): string {
  const columnWidths = tabWidths(rows, options);
  return rows
    .map((row, line) =>
      row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, columnWidths(line, at)))).join(""),
    )
    .join("\n");
}

/** The width of a column in a line, by neighbouring rows. */
function tabWidths(
  rows: readonly (readonly string[])[],
  { padding, widthMin }: { readonly padding: number; readonly widthMin: number },
): (line: number, column: number) => number {
  const known = rows.map((): number[] => []);
  const has = (line: number, column: number): boolean => (rows[line]?.length ?? 0) > column + 1;
  return (line, column) => {
    let first = line;
    while (has(first - 1, column)) first -= 1;
    const before = known[first]?.[column];
    if (before !== undefined) return before;
    let width = widthMin;
    for (let at = first; has(at, column); at += 1) {
      width = Math.max(width, widthOf(rows[at]?.[column] ?? "") + padding);
    }
    (known[first] ?? [])[column] = width;
    return width;
  };
}
