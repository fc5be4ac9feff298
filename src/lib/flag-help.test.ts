import { expect, test } from "bun:test";
import fc from "fast-check";
import { renderFlagDefaults, renderFlagSection, wrapText } from "./flag-help.ts";
import type { FlagDefinition } from "./flags.ts";

// Measured: where the reference breaks this text (its own wrap, 67 columns).
test("lines end alike", () => {
  const text =
    "Path to a directory to read configuration files from. This will read every file ending in '.json' as configuration in this directory in alphabetical order. Can be specified multiple times.";
  expect(wrapText(text, 67)).toEqual([
    "Path to a directory to read configuration files from. This",
    "will read every file ending in '.json' as configuration in this",
    "directory in alphabetical order. Can be specified multiple times.",
  ]);
});

test("no word is lost and no line too long unless a word is", () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 25 }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(words, (some) => {
      const lines = wrapText(some.join(" "), 20);
      expect(lines.join(" ")).toBe(some.join(" "));
      for (const line of lines) expect(line.length <= 20 || !line.includes(" ")).toBe(true);
    }),
  );
});

const flags: readonly FlagDefinition[] = [
  { name: "node", kind: "string", help: "Name of this node." },
  { name: "dev", kind: "bool", help: "Development mode." },
  { name: "old", kind: "bool", help: "Not shown.", hidden: true },
];

test("a section of a help page", () => {
  expect(renderFlagSection("Command Options", flags)).toBe(
    "Command Options\n\n  -dev\n     Development mode.\n\n  -node=<value>\n     Name of this node.",
  );
});

test("what follows a bad flag", () => {
  expect(renderFlagDefaults(flags)).toBe(
    "Usage:\n  -dev\n    \tDevelopment mode.\n  -node value\n    \tName of this node.\n",
  );
});
