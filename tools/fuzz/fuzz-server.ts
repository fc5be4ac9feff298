/** A whole server, alone in a simulated world, for bytes that come in through its doors. */
import { Recursors } from "../../src/dns/recursor.ts";
import { DnsResolver } from "../../src/dns/resolver.ts";
import { testSettings } from "../../src/dns/testing.ts";
import { must } from "../../src/lib/assert.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { Connection, Net, UdpSocket } from "../../src/lib/net.ts";
import { seededRng } from "../../src/lib/rng.ts";
import { SimHost } from "../../sim/cluster/host.ts";
import { SimNetwork } from "../../sim/cluster/network.ts";
import { drawClusterPlan, type ClusterPlan } from "../../sim/cluster/plan.ts";
import { toError } from "./to-error.ts";
import { Scheduler } from "../../sim/cluster/scheduler.ts";

const startMs = 20_000;
/** Time that each input is given to do harm. */
const inputMs = 100;
/** A world is left for a new one after so many inputs, so that replaying is possible and memory stays small. */
export const inputsPerWorld = 200;

const calmPlan = (): ClusterPlan => ({
  ...drawClusterPlan(seededRng(1)),
  serverCount: 1,
  agentCount: 0,
  skew: 0,
  raftMultiplier: 1,
  network: { delayMs: 1, longDelayMs: 0, longDelayRate: 0, lossRate: 0, copyRate: 0 },
  disk: { syncMs: 1, slowSyncRate: 0, lies: false },
});

export class FuzzServer {
  readonly #scheduler = new Scheduler();
  readonly #network: SimNetwork;
  readonly #host: SimHost;
  #failure: Error | undefined;
  #resolver: DnsResolver | undefined;

  constructor() {
    const plan = calmPlan();
    const rng = seededRng(2);
    const scheduler = this.#scheduler;
    this.#network = new SimNetwork(scheduler, plan.network, rng.fork("network"));
    this.#host = new SimHost(
      {
        scheduler,
        network: this.#network,
        plan,
        rng,
        joinAddresses: [],
        log: () => undefined,
        isLogged: false,
        raftRules: undefined,
        peersAreCorrect: false,
        watch: (_host, machine) => machine,
        pool: (_host, pool) => pool,
        leadership: () => undefined,
        failed: (_host, error) => (this.#failure ??= toError(error)),
      },
      0,
      true,
    );
    scheduler.after(0, undefined, () => this.#host.start());
    scheduler.run(startMs);
    if (this.#failure !== undefined) throw this.#failure;
    must(this.#host.core, "the server has started");
  }

  get host(): SimHost {
    return this.#host;
  }

  /** The network as a stranger uses it. */
  get net(): Net {
    return this.#network.netOf({ address: "10.0.9.9", isOver: false, stalledUntilMs: 0 });
  }

  /** Lets the server work. Throws if it broke. */
  pass(ms = inputMs): void {
    this.#scheduler.run(this.#scheduler.nowMs + ms);
    if (this.#failure !== undefined) throw this.#failure;
    const { core } = this.#host;
    if (core?.pools.lan.localMember().status !== "alive") throw new Error("the server is no member any more");
    if (core.consensus?.status().role === "shutdown") throw new Error("consensus has stopped");
  }

  /** DNS, with this server to ask; the same at every call. */
  resolver(): DnsResolver {
    this.#resolver ??= this.#openResolver();
    return this.#resolver;
  }

  #openResolver(): DnsResolver {
    const clock = this.#scheduler.clockOf({ isOver: false, stalledUntilMs: 0 }, { rate: 1_000, offsetMs: 0 });
    const rng = seededRng(3);
    const random = (limit: number): number => rng.below(limit);
    const common = { clock, log: silentLog, random };
    return new DnsResolver({
      ...common,
      settings: () => testSettings,
      rpc: must(this.#host.core, "the server has started").rpc,
      recursors: new Recursors({ ...common, net: this.net }),
      metrics: noMetrics,
      timerLabels: [],
      planAfter: 2,
      token: () => "",
    });
  }

  /** Does something as the world's next event, so that all it promises goes on. */
  act(what: () => void): void {
    this.#scheduler.after(0, undefined, what);
  }

  /** Sends bytes over a connection of their own, in two pieces. */
  stream(port: number, bytes: Uint8Array): void {
    const send = (connection: Connection): void => {
      connection.handle({
        data: () => undefined,
        ended: () => connection.destroy(),
        closed: () => undefined,
      });
      const cut = bytes.length >> 1;
      connection.write(bytes.slice(0, cut));
      connection.write(bytes.slice(cut));
      connection.end();
    };
    this.act(() => void this.net.connect({ host: "10.0.0.1", port }, { timeoutMs: 1_000 }).then(send));
    this.pass();
  }

  datagram(port: number, bytes: Uint8Array): void {
    const send = (socket: UdpSocket): void => socket.send({ host: "10.0.0.1", port }, bytes);
    this.act(() => void this.net.bindUdp({ host: "10.0.9.9", port: 0 }, () => undefined).then(send));
    this.pass();
  }

  close(): void {
    this.#host.crash(false);
  }
}
