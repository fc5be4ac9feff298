/** For tests: a catalog behind calls, and a resolver on it that is asked in both of its ways. */
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Net } from "../lib/net.ts";
import { NetworkError } from "../lib/network-error.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import { blankQuery, classInternet, type DnsMessage } from "../wire/dns/message.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import {
  CheckServiceNode,
  IndexedCheckServiceNodes,
  IndexedNodeServices,
  Node,
} from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { Recursors } from "./recursor.ts";
import { DnsResolver } from "./resolver.ts";
import type { DnsSettings } from "./settings.ts";
import { testSettings } from "./testing.ts";

const unreachable = (): Promise<never> =>
  Promise.reject(new NetworkError("no network", { errno: "", address: undefined, cause: undefined }));
const noNet: Net = { connect: unreachable, listen: unreachable, bindUdp: unreachable, resolve: unreachable };

/** A catalog of one service on which every reply holds until it is changed. */
export class Catalog {
  nodes: readonly CheckServiceNode[];
  readCount = 0;
  keptCount = 0;
  readonly #hasNow: boolean;
  #version = 0;

  /** `hasNow`: calls can be answered at once, as where the catalog is in the process. */
  constructor(nodes: readonly CheckServiceNode[], hasNow = false) {
    this.nodes = nodes;
    this.#hasNow = hasNow;
  }

  change(nodes: readonly CheckServiceNode[]): void {
    this.nodes = nodes;
    this.#version += 1;
  }

  get rpc(): Rpc {
    const replyTo = (name: string, request: unknown): unknown => {
      this.readCount += 1;
      if (name === "Catalog.NodeServices") {
        const { Node: wanted } = request as { readonly Node: string };
        const node = this.nodes.find((one) => one.Node?.Node === wanted)?.Node ?? null;
        const NodeServices = node === null ? null : { Node: node, Services: {} };
        return IndexedNodeServices.make({ NodeServices });
      }
      const { ServiceName: service } = request as { readonly ServiceName: string };
      return IndexedCheckServiceNodes.make({ Nodes: service === "web" ? this.nodes : [] });
    };
    return {
      call: ({ name }, request) => Promise.resolve(replyTo(name, request) as never),
      ...(this.#hasNow ? { callNow: ({ name }, request) => replyTo(name, request) as never } : {}),
      keep: ({ name }, request) => {
        const version = this.#version;
        this.keptCount += 1;
        return {
          reply: replyTo(name, request) as never,
          isCurrent: () => version === this.#version,
          [Symbol.dispose]: () => void (this.keptCount -= 1),
        };
      },
    };
  }
}

/** A resolver over a catalog, with a clock and settings that a test changes. */
export interface Bench {
  readonly resolver: DnsResolver;
  readonly clock: { nowMs: number };
  settings: DnsSettings;
}

/** Makes one; by default every choice is the first. */
export function bench(
  catalog: Catalog,
  changed: Partial<DnsSettings> = {},
  {
    random = () => 0,
    rpc = () => catalog.rpc,
    planAfter = 2,
  }: {
    readonly random?: (limit: number) => number;
    readonly rpc?: (clock: Clock) => Rpc;
    readonly planAfter?: number;
  } = {},
): Bench {
  const now = { nowMs: 5_000 };
  const clock: Clock = {
    monotonicMs: () => monotonicMs(now.nowMs),
    wallMs: () => wallMs(now.nowMs),
    after: () => ({ [Symbol.dispose]: () => undefined }),
  };
  const made: Bench = { settings: { ...testSettings, ...changed }, clock: now, resolver: undefined as never };
  const resolver = new DnsResolver({
    settings: () => made.settings,
    rpc: rpc(clock),
    recursors: new Recursors({ net: noNet, clock, log: silentLog, random }),
    clock,
    log: silentLog,
    metrics: noMetrics,
    timerLabels: [],
    planAfter,
    token: () => "",
    random,
  });
  return Object.assign(made, { resolver });
}

/** What is asked. */
export interface Wish {
  readonly name: string;
  readonly type: number;
  readonly ednsBytes?: number | undefined;
  readonly network?: "udp" | "tcp";
  readonly id?: number;
}

/** Its message. */
export function question({ name, type, ednsBytes, id = 7 }: Wish): DnsMessage {
  return {
    ...blankQuery,
    id,
    questions: [{ name, type, class: classInternet }],
    edns: ednsBytes === undefined ? undefined : { udpBytes: ednsBytes, subnet: undefined },
  };
}

/** The resolver's own answer, made anew. */
export async function slow({ resolver, settings }: Bench, wish: Wish): Promise<Uint8Array> {
  const request = question(wish);
  const bytes = encodeMessage(request, { compress: false });
  const reply = await resolver.answer(request, bytes, {
    network: wish.network ?? "udp",
    address: "192.0.2.1",
  });
  if (reply.kind === "bytes") return reply.bytes;
  return encodeMessage(reply.message, { compress: settings.compression });
}

/** The answer that needs no looking around, if there is one. */
export function quick({ resolver }: Bench, wish: Wish): Uint8Array | undefined {
  return resolver.answerNow(encodeMessage(question(wish), { compress: false }), wish.network ?? "udp");
}

/** An instance of `web`. */
export const instance = (
  index: number,
  more: { readonly address?: string; readonly node?: object } = {},
): CheckServiceNode =>
  CheckServiceNode.make({
    Node: Node.make({
      Node: `n${index}`,
      Address: `10.0.0.${(index % 250) + 1}`,
      Datacenter: "dc1",
      ...more.node,
    }),
    Service: NodeService.make({
      ID: "web",
      Service: "web",
      Port: 80 + (index % 7),
      Address: more.address ?? "",
    }),
  });
