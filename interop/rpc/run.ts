/**
 * Calls a server of ours with Consul's own libraries (`main.go`): `bun interop/rpc/run.ts`.
 *
 * Needs Go, and its module proxy once. Says so and ends well where Go is missing.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fsm } from "../../src/fsm/fsm.ts";
import { kvCommands, kvSnapshotPart } from "../../src/fsm/kv-commands.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { RpcDoor } from "../../src/rpc/rpc-door.ts";
import { systemArchiveTools } from "../../src/runtime/archive-tools.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { systemNet } from "../../src/runtime/net.ts";
import { kvEndpoints } from "../../src/server/kv.ts";
import { Server } from "../../src/server/server.ts";
import { Snapshots } from "../../src/server/snapshot.ts";
import { statusEndpoints } from "../../src/server/status.ts";
import { InstantConsensus, testContext } from "../../src/server/testing.ts";
import { StateStore } from "../../src/state/store.ts";

const folder = import.meta.dirname;
const program = join(mkdtempSync(join(tmpdir(), "proconsul-interop-")), "rpc");
const built = spawnSync("go", ["build", "-o", program, "."], { cwd: folder, stdio: "inherit" });
if (built.error !== undefined) {
  console.log("skipped: Go is not there");
  process.exit(0);
}
if (built.status !== 0) process.exit(1);

const store = new StateStore();
const consensus = new InstantConsensus(new Fsm(store, kvCommands, [kvSnapshotPart]));
const context = { ...testContext(store, consensus), clock: systemClock };
const door = new RpcDoor({
  service: new Server(context, [...kvEndpoints, ...statusEndpoints]),
  snapshots: new Snapshots({ consensus, tools: systemArchiveTools, clock: systemClock, datacenter: "dc1" }),
  clock: systemClock,
  log: silentLog,
  metrics: noMetrics,
});
const { address } = await door.listen(systemNet, { host: "127.0.0.1", port: 0 });
const client = spawn(program, [`${address.host}:${address.port}`], { stdio: "inherit" });
client.on("exit", (code) => process.exit(code ?? 1));
