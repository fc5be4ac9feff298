/** What keeps a check up to date. One runner per check and kind; `stop` is final. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import type { CheckIo } from "./check-io.ts";
import type { LocalState } from "./local-state.ts";

export interface CheckRunner {
  stop(): void;
}

export interface RunnerDeps {
  readonly clock: Clock;
  readonly random: (limit: number) => number;
  readonly log: Log;
  readonly rpc: Rpc;
  readonly io: CheckIo;
  readonly state: LocalState;
  readonly datacenter: string;
}
