import { expect, test } from "bun:test";
import { renderTable, renderTabs } from "./columns.ts";

test("a table's columns are two blanks apart, the last is not padded", () => {
  expect(
    renderTable([
      ["Node", "ID"],
      ["a-long-name", " x "],
      ["é", ""],
    ]),
  ).toBe("Node         ID\na-long-name  x\né            ");
});

test("tabbed cells are as wide as the widest plus padding, at least the minimum", () => {
  const rows = [
    ["ID", "1"],
    ["Version", "2"],
  ];
  expect(renderTabs(rows, { padding: 6, widthMin: 0 })).toBe("ID           1\nVersion      2");
  expect(renderTabs([["a", "1"]], { padding: 1, widthMin: 8 })).toBe("a       1");
});

test("a last cell widens nothing", () => {
  expect(renderTabs([["a", "b", "c"], ["a very long last cell"]], { padding: 1, widthMin: 0 })).toBe(
    "a b c\na very long last cell",
  );
});
