import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostNodeId } from "./host-id.ts";

const folder = mkdtempSync(join(tmpdir(), "host-id-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string | undefined): string {
  const path = join(folder, name);
  if (text === undefined) rmSync(path, { force: true });
  else writeFileSync(path, text);
  return path;
}

/** The IDs are SHA-512 of the lower-case text, cut to a UUID's length. */
test.each([
  [
    "the board's",
    ["03AA02FC-0414-05F1-5206-CF0700080009\n", "0123456789abcdef0123456789abcdef\n", "b\n"],
    "81bef304-b88b-4a66-71f0-82033ef2a910",
  ],
  [
    "the system's",
    [undefined, "0123456789abcdef0123456789abcdef\n", "b\n"],
    "60707c5c-93a3-5790-6fe1-18861b0fb271",
  ],
  ["the boot's", [undefined, "short\n", "b\n"], "52677688-22ee-624d-48fc-e15ec5ca79cb"],
  ["none", [undefined, undefined, undefined], undefined],
] as const)("%s", (_, [product, machine, boot], id) => {
  const found = hostNodeId({
    product: file("product", product),
    machine: file("machine", machine),
    boot: file("boot", boot),
  });
  expect(found).toBe(id as never);
});
