/**
 * Which folder of `src` may import which: the table of the style guide as data.
 *
 * `value` allows any import, `type` only `import type` (the other side is known by its interface). What is
 * not listed is forbidden; a folder may always import itself.
 */
export type Area =
  | "lib"
  | "wire"
  | "raft/core"
  | "gossip/core"
  | "state"
  | "fsm"
  | "acl"
  | "config"
  | "client"
  | "raft/node"
  | "gossip/node"
  | "rpc"
  | "server"
  | "agent"
  | "http"
  | "dns"
  | "cli"
  | "ui"
  | "runtime"
  | "main";

/** How far one area may reach into another. */
export type Reach = "value" | "type";

type Row = Readonly<Partial<Record<Area, Reach>>>;

const everything: Row = {
  lib: "value",
  wire: "value",
  "raft/core": "value",
  "gossip/core": "value",
  state: "value",
  fsm: "value",
  acl: "value",
  config: "value",
  client: "value",
  "raft/node": "value",
  "gossip/node": "value",
  rpc: "value",
  server: "value",
  agent: "value",
  http: "value",
  dns: "value",
  cli: "value",
  ui: "value",
  runtime: "value",
};

/** Row imports column. */
export const mayImport: Readonly<Record<Area, Row>> = {
  lib: {},
  wire: { lib: "value" },
  "raft/core": { lib: "value", wire: "type" },
  "gossip/core": { lib: "value", wire: "type" },
  state: { lib: "value", wire: "type" },
  fsm: { lib: "value", wire: "value", state: "value" },
  acl: { lib: "value", wire: "value", state: "value" },
  config: { lib: "value", wire: "value" },
  client: { lib: "value", wire: "value" },
  "raft/node": { lib: "value", wire: "value", "raft/core": "value" },
  "gossip/node": { lib: "value", wire: "value", "gossip/core": "value" },
  rpc: { lib: "value", wire: "value" },
  server: {
    lib: "value",
    wire: "value",
    state: "value",
    fsm: "value",
    acl: "value",
    config: "value",
    "raft/node": "type",
    "gossip/node": "type",
    rpc: "type",
  },
  agent: {
    lib: "value",
    wire: "value",
    acl: "value",
    config: "value",
    "raft/node": "type",
    "gossip/node": "type",
    rpc: "type",
    server: "type",
  },
  http: { lib: "value", wire: "value", acl: "value", config: "value", agent: "type" },
  dns: { lib: "value", wire: "value", acl: "value", config: "value", agent: "type" },
  cli: { lib: "value", config: "value", client: "value" },
  ui: { lib: "value", client: "value" },
  // It implements the ports that the layers declare, so it must know their types, and only those.
  runtime: {
    lib: "value",
    wire: "value",
    config: "type",
    client: "type",
    "raft/core": "type",
    "raft/node": "type",
    "gossip/core": "type",
    "gossip/node": "type",
    rpc: "type",
    server: "type",
    agent: "type",
    http: "type",
    dns: "type",
    cli: "type",
    ui: "type",
  },
  main: everything,
};

/** Sans-I/O areas: neither `node:*` nor a runtime; packages only from `purePackages`. */
export const pureAreas: ReadonlySet<Area> = new Set([
  "lib",
  "wire",
  "raft/core",
  "gossip/core",
  "state",
  "fsm",
  "acl",
]);

/** Packages that do no I/O and so may be used in pure areas. */
export const purePackages: ReadonlySet<string> = new Set([
  "sorted-btree",
  "lossless-json",
  "@peculiar/asn1-schema",
  "@peculiar/asn1-x509",
]);

/** Modules that reach the outside world: for `src/runtime` alone. The names stand for their subpaths too. */
export const runtimeModules: ReadonlySet<string> = new Set([
  "bun",
  "lmdb",
  "node:child_process",
  "node:cluster",
  "node:dgram",
  "node:dns",
  "node:fs",
  "node:http",
  "node:http2",
  "node:https",
  "node:inspector",
  "node:net",
  "node:repl",
  "node:sqlite",
  "node:tls",
  "node:worker_threads",
]);

/**
 * The area of a file of `src`, or `undefined` if its folder is not in the table.
 *
 * Files that lie directly in `src`, and those of `src/main/`, are the composition root.
 */
export function areaOf(path: string): Area | undefined {
  const parts = path.split("/");
  assertInSrc(parts);
  if (parts.length === 2) return "main";
  const one = parts[1] ?? "";
  const two = parts.length > 3 ? `${one}/${parts[2] ?? ""}` : one;
  if (isArea(two)) return two;
  return isArea(one) ? one : undefined;
}

function assertInSrc(parts: readonly string[]): void {
  if (parts[0] !== "src") throw new TypeError(`not a file of src: ${parts.join("/")}`);
}

function isArea(name: string): name is Area {
  return Object.hasOwn(mayImport, name);
}
