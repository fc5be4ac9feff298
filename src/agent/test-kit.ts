/** Parts for tests of the agent: a clock moved by hand, a catalog that remembers, checks whose answers are set. */
import { ManualClock } from "../lib/manual-clock.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { RpcError, type Rpc, type RpcMethod } from "../wire/rpc/method.ts";
import type { DeregisterRequest, HealthCheck, Node, RegisterRequest } from "../wire/structs/catalog.ts";
import { Node as NodeCodec } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { createAgent, type Agent } from "./agent.ts";
import type { CheckIo } from "./check-io.ts";
import { noFiles, type AgentFiles } from "./files.ts";
import { MetricsRegistry } from "./metrics-registry.ts";
import type { AgentHost, AgentSettings } from "./settings.ts";

/** The catalog of one node, behind the RPCs that agents use. */
export class FakeCatalog implements Rpc {
  node: Node | null = null;
  readonly services = new Map<string, NodeService>();
  readonly checks = new Map<string, HealthCheck>();
  readonly calls: { readonly name: string; readonly request: unknown }[] = [];
  /** Set, every call is refused with it. */
  failure: Error | undefined;

  /** Called for a read that would block; it is answered at once. */
  onBlocking: () => void = () => undefined;

  call<Q, R>(method: RpcMethod<Q, R>, request: Q): Promise<R> {
    this.calls.push({ name: method.name, request });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const given = request as unknown;
    const meta = { Index: 1, KnownLeader: true, LastContact: 0, ConsistencyLevel: "" };
    const reply = (value: unknown): Promise<R> => Promise.resolve(value as R);
    switch (method.name) {
      case "Catalog.Register":
        this.#register(given as RegisterRequest);
        return reply({});
      case "Catalog.Deregister":
        this.#deregister(given as DeregisterRequest);
        return reply({});
      case "Catalog.NodeServiceList":
        return reply({ ...meta, NodeServices: { Node: this.node, Services: [...this.services.values()] } });
      case "Catalog.NodeServices":
        return reply({
          ...meta,
          NodeServices: { Node: this.node, Services: Object.fromEntries(this.services) },
        });
      case "Health.NodeChecks":
        if ((given as { readonly MinQueryIndex: number }).MinQueryIndex > 0) this.onBlocking();
        return reply({ ...meta, HealthChecks: [...this.checks.values()] });
      default:
        return Promise.reject(new RpcError(`rpc: can't find method ${method.name}`));
    }
  }

  countOf(name: string): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  #register(request: RegisterRequest): void {
    if (!request.SkipNodeUpdate || this.node === null) {
      this.node = NodeCodec.make({
        ID: request.ID,
        Node: request.Node,
        Address: request.Address,
        TaggedAddresses: request.TaggedAddresses,
        Meta: request.NodeMeta,
      });
    }
    if (request.Service !== null) this.services.set(request.Service.ID, request.Service);
    for (const check of [request.Check, ...(request.Checks ?? [])]) {
      if (check !== null) this.checks.set(check.CheckID, check);
    }
  }

  #deregister(request: DeregisterRequest): void {
    if (request.CheckID !== "") this.checks.delete(request.CheckID);
    if (request.ServiceID === "") return;
    this.services.delete(request.ServiceID);
    for (const [id, check] of this.checks) if (check.ServiceID === request.ServiceID) this.checks.delete(id);
  }
}

const refuse = (): Promise<never> => Promise.reject(new Error("not in this test"));

/** A host that is its own only member. */
export const testHost: AgentHost = {
  members: ({ wan }) => [
    {
      Name: wan ? "n1.dc1" : "n1",
      Addr: "127.0.0.1",
      Port: 8301,
      Tags: { role: "consul" },
      Status: 1,
      ProtocolMin: 1,
      ProtocolMax: 5,
      ProtocolCur: 2,
      DelegateMin: 2,
      DelegateMax: 5,
      DelegateCur: 4,
    },
  ],
  join: refuse,
  forceLeave: (name) => Promise.reject(new Error(`agent: No node found with name '${name}'`)),
  leave: refuse,
  reload: refuse,
  stats: () => ({ consul: { server: "true" } }),
  debugConfig: () => ({}),
  coordinate: () => null,
  hostInfo: () => ({ Errors: null }),
  xds: () => null,
};

export const testSettings: AgentSettings = {
  nodeName: "n1",
  nodeId: "11111111-2222-3333-4444-555555555555",
  datacenter: "dc1",
  primaryDatacenter: "dc1",
  server: true,
  version: "1.16.4",
  revision: "",
  buildDate: "",
  advertiseAddress: "127.0.0.1",
  taggedAddresses: { lan: "127.0.0.1" },
  nodeMeta: {},
  syncIntervalMs: 60_000,
  checks: {
    outputBytesMax: 4096,
    updateIntervalMs: 300_000,
    discardOutput: false,
    enableRemoteScripts: false,
    enableLocalScripts: false,
    deregisterMinMs: 60_000,
    reapIntervalMs: 30_000,
  },
  sidecarPorts: { min: 21_000, max: 21_255 },
  definitions: { services: [], checks: [] },
  aclEnabled: false,
  prometheus: false,
  cacheRate: { burst: 2, perSecond: undefined },
};

export interface TestAgent {
  readonly agent: Agent;
  readonly clock: ManualClock;
  readonly catalog: FakeCatalog;
}

export interface TestAgentOptions {
  readonly settings?: Partial<AgentSettings>;
  readonly catalog?: FakeCatalog;
  readonly files?: AgentFiles;
  readonly io?: Partial<CheckIo>;
}

/** An agent on fake parts, not started. Random draws are 0. */
export function testAgent(options: TestAgentOptions = {}): TestAgent {
  const clock = new ManualClock();
  const catalog = options.catalog ?? new FakeCatalog();
  let uuidCount = 0;
  const agent = createAgent({
    settings: { ...testSettings, ...options.settings },
    rpc: catalog,
    clock,
    random: () => 0,
    uuid: () => `00000000-0000-0000-0000-${String((uuidCount += 1)).padStart(12, "0")}`,
    log: silentLog,
    metrics: noMetrics,
    registry: new MetricsRegistry(clock),
    files: options.files ?? noFiles,
    io: {
      http: refuse,
      tcp: refuse,
      udp: refuse,
      h2ping: refuse,
      grpc: refuse,
      docker: refuse,
      run: refuse,
      ...options.io,
    },
    host: testHost,
    logs: { subscribe: () => ({ [Symbol.dispose]: () => undefined }) },
  });
  return { agent, clock, catalog };
}

/** Files in memory, by kind and id. */
export class MemoryFiles implements AgentFiles {
  readonly kept = new Map<string, string>();
  list(kind: string): Promise<readonly string[]> {
    const mine = [...this.kept].filter(([key]) => key.startsWith(`${kind}:`));
    return Promise.resolve(mine.map(([, text]) => text));
  }
  read(kind: string, id: string): Promise<string | undefined> {
    return Promise.resolve(this.kept.get(`${kind}:${id}`));
  }
  write(kind: string, id: string, text: string): Promise<void> {
    this.kept.set(`${kind}:${id}`, text);
    return Promise.resolve();
  }
  writeSoft(kind: string, id: string, text: string): Promise<void> {
    return this.write(kind, id, text);
  }
  remove(kind: string, id: string): Promise<void> {
    this.kept.delete(`${kind}:${id}`);
    return Promise.resolve();
  }
}
