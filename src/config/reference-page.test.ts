import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { referencePage } from "./reference-page.ts";

const page = new URL("../../docs/configuration.md", import.meta.url);

test("docs/configuration.md is what the key tables say (UPDATE_DOCS=1 writes it)", () => {
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, referencePage());
  expect(readFileSync(page, "utf8")).toBe(referencePage());
});
