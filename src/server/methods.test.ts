/** Every method of the protocol is registered under its name, or named here as waiting for its area. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StructCodec } from "../wire/schema/struct.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import type { AnyEndpoint } from "./context.ts";

/** Areas that this server does not have yet. */
const waitingServices = new Set([
  "ACL",
  "AutoConfig",
  "AutoEncrypt",
  "ConfigEntry",
  "ConnectCA",
  "DiscoveryChain",
  "FederationState",
  "Intention",
  "Internal",
  "PreparedQuery",
]);
const waitingMethods = new Set(["Catalog.ServiceList"]);
/** Methods of 1.16, which the table of 1.9 does not have. */
const newerMethods = new Set([
  "Catalog.VirtualIPForService",
  "Internal.CatalogOverview",
  "Operator.AutopilotState",
  "Operator.TransferLeader",
  "Operator.Usage",
]);

/** Methods of Proconsul's alone. */
const ownMethods = new Set(["Stream.Read"]);

async function endpointsOf(folder: string): Promise<Map<string, AnyEndpoint>> {
  const found = new Map<string, AnyEndpoint>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file === "testing.ts") continue;
    const exported = (await import(join(folder, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported)) {
      if (!name.endsWith("Endpoints") || !Array.isArray(value)) continue;
      for (const one of value as AnyEndpoint[]) found.set(one.method.name, one);
    }
  }
  return found;
}

const folder = join(import.meta.dir, "../../../shared/protocol");
const present = existsSync(join(folder, "rpc.md"));
if (!present) console.warn("skipped: the protocol's methods, since ../shared/protocol is not there");

interface Vector {
  readonly method: string;
  readonly request_body_hex: string;
}

describe.skipIf(!present)("the protocol's methods", () => {
  test("are registered, or wait for their area", async () => {
    const page = readFileSync(join(folder, "rpc.md"), "utf8");
    const table = [...page.matchAll(/^\| ([A-Za-z]+\.[A-Za-z]+) \| \S+ \| \S+ \|$/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(table.length).toBeGreaterThan(90);
    const registered = await endpointsOf(import.meta.dir);
    const missing = table.filter((name) => !registered.has(name));
    expect(
      missing.filter((name) => !waitingServices.has(name.split(".")[0] ?? "") && !waitingMethods.has(name)),
    ).toEqual([]);
    const known = new Set([...table, ...ownMethods]);
    expect([...registered.keys()].filter((name) => !known.has(name) && !newerMethods.has(name))).toEqual([]);
  });

  test("lose no field of a request when it is forwarded, but one of newer agents' caches", async () => {
    const { vectors } = JSON.parse(readFileSync(join(folder, "vectors/rpc.json"), "utf8")) as {
      vectors: Vector[];
    };
    const registered = await endpointsOf(import.meta.dir);
    const lost = new Set<string>();
    let seen = 0;
    for (const { method, request_body_hex } of vectors) {
      const codec = registered.get(method)?.method.request as unknown as StructCodec<unknown> | undefined;
      if (codec === undefined) continue;
      seen += 1;
      const reader = new MsgpackReader(Buffer.from(request_body_hex, "hex"));
      for (let left = reader.mapHeader() ?? 0; left > 0; left -= 1) {
        const key = reader.text();
        reader.skip();
        if (!codec.fieldNames.includes(key)) lost.add(`${method} ${key}`);
      }
    }
    expect(seen).toBeGreaterThan(30);
    expect([...lost].filter((one) => !one.endsWith(" AllowNotModifiedResponse"))).toEqual([]);
  });
});
