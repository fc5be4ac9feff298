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
 * Rows as Go's `text/tabwriter` aligns cells that end with a tab: each column is as wide as its
 * widest cell plus `padding`, at least `widthMin`. A last cell neither widens its column nor is padded.
 */
export function renderTabs(
  rows: readonly (readonly string[])[],
  options: { readonly padding: number; readonly widthMin: number },
): string {
  const columns = widths(rows.map((row) => row.slice(0, -1)));
  const render = (cell: string, at: number): string =>
    pad(cell, Math.max(options.widthMin, (columns[at] ?? 0) + options.padding));
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : render(cell, at))).join(""))
    .join("\n");
}
