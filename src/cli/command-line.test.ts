import { expect, test } from "bun:test";
import { splitCommandLine } from "./command-line.ts";

const known = new Set(["kv", "kv get", "operator", "operator raft", "operator raft list-peers", "lock"]);

test.each([
  { argv: [], name: "", rest: [] },
  { argv: ["kv", "get", "a"], name: "kv get", rest: ["a"] },
  { argv: ["kv", "getx"], name: "kv", rest: ["getx"] },
  { argv: ["kv", "-x", "get"], name: "kv", rest: ["-x", "get"] },
  { argv: ["operator", "raft", "list-peers", "-stale"], name: "operator raft list-peers", rest: ["-stale"] },
  { argv: ["nosuch", "get"], name: "nosuch", rest: ["get"] },
  { argv: ["kv", "get", "a b"], name: "kv get", rest: ["a b"] },
  { argv: ["kv get"], name: "", rest: ["kv get"] },
  { argv: ["", "kv"], name: "kv", rest: [] },
])("$argv", ({ argv, name, rest }) => {
  const line = splitCommandLine(argv, (candidate) => known.has(candidate));
  expect({ name: line.name, rest: line.argv }).toEqual({ name, rest });
});

test.each([
  { argv: ["-h"], help: true, version: false, stray: [] },
  { argv: ["kv", "get", "-help"], help: true, version: false, stray: [] },
  { argv: ["lock", "p", "ls", "--help"], help: true, version: false, stray: [] },
  { argv: ["kv", "get", "--", "-h"], help: false, version: false, stray: [] },
  { argv: ["--version"], help: false, version: true, stray: [] },
  { argv: ["kv", "get", "-v"], help: false, version: false, stray: [] },
  { argv: ["-token", "kv"], help: false, version: false, stray: ["-token"] },
])("flags of $argv", ({ argv, help, version, stray }) => {
  const line = splitCommandLine(argv, (candidate) => known.has(candidate));
  expect({ help: line.helpWanted, version: line.versionWanted, stray: line.strayFlags }).toEqual({
    help,
    version,
    stray: [...stray],
  });
});
