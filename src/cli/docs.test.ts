import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { clientFlags } from "./client-flags.ts";
import { childrenOf, registry } from "./registry.ts";

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

test("docs/cli.md lists every command that runs or will run", () => {
  const commands = registry.filter(({ name }) => childrenOf(name).length === 0);
  const missing = commands.filter(({ name, synopsis }) => !page.includes(`| \`${name}\` | ${synopsis} |`));
  expect(commands.length).toBeGreaterThan(80);
  expect(missing).toEqual([]);
});

test("docs/cli.md lists every flag of the client", () => {
  expect(Object.keys(clientFlags).filter((name) => !page.includes(`\`-${name}\``))).toEqual([]);
});
