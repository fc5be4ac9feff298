import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { FlagError } from "../lib/flags.ts";
import { agentFlags, agentHelp, agentUsage, parseAgentArgs } from "./agent-flags.ts";
import { ConfigError } from "./problems.ts";

test("lists, values, files and fragments are kept apart", () => {
  const args = parseAgentArgs([
    "-config-file",
    "a.json",
    "-config-dir=d",
    "--config-file=b.json",
    "-retry-join",
    "x",
    "-join-wan",
    "y",
    "-dev",
    "-http-port",
    "9",
    "-node-meta",
    "a:b",
    "-allow-write-http-from=10.0.0.0/8",
    "-hcl",
    "{}",
    "-ui=false",
  ]);
  expect(args).toEqual({
    helpWanted: false,
    configPaths: ["a.json", "d", "b.json"],
    configFormat: undefined,
    devMode: true,
    fragments: ["{}"],
    lists: { retry_join: ["x"], retry_join_wan: ["y"] },
    values: {
      ports: { http: 9 },
      node_meta: { a: "b" },
      http_config: { allow_write_http_from: ["10.0.0.0/8"] },
      ui_config: { enabled: false },
    },
    warnings: ["The flag '-join-wan' is deprecated. Use the '-retry-join-wan' flag instead."],
  });
});

describe("refused", () => {
  test.each([
    [["-foo"], new FlagError("flag provided but not defined: -foo")],
    [["extra", "words"], new ConfigError("Unexpected extra arguments: [extra words]")],
    [["-config-format=yaml"], new ConfigError("config: -config-format must be either 'hcl' or 'json'")],
  ])("%j", (argv, error) => {
    expect(() => parseAgentArgs(argv)).toThrow(error);
  });
});

const inventory = new URL("../../../shared/inventory.md", import.meta.url);
test.skipIf(!existsSync(inventory))("the inventory's flags are all there (skipped without ../shared)", () => {
  const section = readFileSync(inventory, "utf8").split("### Agent start flags")[1]?.split("\n## ")[0] ?? "";
  const listed = [...section.matchAll(/^\| `-([^`]+)` \|/gmu)].map((match) => match[1] ?? "");
  expect(listed.length).toBeGreaterThan(60);
  expect(listed.toSorted()).toEqual(agentFlags.map((flag) => flag.name).toSorted());
});

test("the help page names every flag and fits 80 columns", () => {
  expect(parseAgentArgs(["-h"]).helpWanted).toBe(true);
  const help = agentHelp();
  for (const flag of agentFlags) expect(help).toContain(`\n  -${flag.name}`);
  for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(help).toContain("  -node-meta=<key:value>\n");
  expect(agentUsage()).toStartWith("Usage:\n  -advertise value\n    \t");
});
