/** What the resolver is made of, who asks it, and what it answers. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";
import type { DnsMessage } from "../wire/dns/message.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import type { Recursors } from "./recursor.ts";
import type { DnsSettings } from "./settings.ts";
import type { DnsNetwork } from "./trim.ts";

export interface ResolverParts {
  /** The settings now: they may be reloaded. */
  readonly settings: () => DnsSettings;
  readonly rpc: Rpc;
  readonly recursors: Recursors;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of what is timed: the node. */
  readonly timerLabels: readonly MetricLabel[];
  /** Token for reads. */
  readonly token: () => string;
  /** A question that comes so often in a second is prepared; at least 2. */
  readonly planAfter: number;
  /** Uniform integer below `limit`, for random order. */
  random(limit: number): number;
}

/** Who asks, and how. */
export interface DnsClient {
  readonly network: DnsNetwork;
  /** In text. */
  readonly address: string;
}

/** An answer: a message of ours, or another server's bytes. */
export type DnsReply =
  | { readonly kind: "message"; readonly message: DnsMessage }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };
