/** What both ends of a stream, and the network between them, agree on. */
import { NetworkError } from "../../src/lib/network-error.ts";
import type { NetAddress } from "../../src/lib/net.ts";
import type { Life, Scheduler } from "./scheduler.ts";

/** A life with an address. */
export interface Endpoint extends Life {
  readonly address: string;
}

/** The network as a stream sees it. */
export interface Link {
  readonly scheduler: Scheduler;
  /** Whether what is sent now arrives. */
  reaches(from: string, to: string): boolean;
  /** How long the next thing on a stream takes. */
  streamDelayMs(): number;
}

/** As the system words it. */
export function failure(errno: string, { host, port }: NetAddress): NetworkError {
  return new NetworkError(`${errno} ${host}:${port}`, { errno, address: host, cause: undefined });
}
