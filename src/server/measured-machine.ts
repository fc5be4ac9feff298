/** A state machine that reports how long each command takes. Names are the reference's. */
import { commandType } from "../fsm/command.ts";
import type { Clock } from "../lib/clock.ts";
import type { StateMachine } from "../lib/consensus.ts";
import type { MetricLabel, Metrics } from "../lib/metrics.ts";

/** The bit of a command's first byte that is no part of its number. */
const mayBeIgnored = 0x80;

const names: ReadonlyMap<number, string> = new Map([
  [commandType.register, "fsm.register"],
  [commandType.deregister, "fsm.deregister"],
  [commandType.kvs, "fsm.kvs"],
  [commandType.session, "fsm.session"],
  [commandType.tombstone, "fsm.tombstone"],
  [commandType.coordinateBatch, "fsm.coordinate.batch-update"],
  [commandType.preparedQuery, "fsm.prepared-query"],
  [commandType.txn, "fsm.txn"],
  [commandType.autopilot, "fsm.autopilot"],
  [commandType.systemMetadata, "fsm.system_metadata"],
]);

export interface MachineMeter {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** The same machine, measured. */
export function measuredMachine(machine: StateMachine, { clock, metrics }: MachineMeter): StateMachine {
  const byOperation = new Map<string, readonly MetricLabel[]>();
  const labelsOf = (decoded: unknown): readonly MetricLabel[] | undefined => {
    // What is applied again after a restart is decoded later, and its operations are not told apart.
    const operation: unknown =
      typeof decoded === "object" && decoded !== null ? Reflect.get(decoded, "Op") : undefined;
    if (typeof operation !== "string" || operation === "") return undefined;
    let labels = byOperation.get(operation);
    if (labels === undefined) byOperation.set(operation, (labels = [{ name: "op", value: operation }]));
    return labels;
  };
  return {
    apply: (index, command, decoded) => {
      const startMs = clock.monotonicMs();
      try {
        return machine.apply(index, command, decoded);
      } finally {
        const tookMs = clock.monotonicMs() - startMs;
        metrics.timer("raft.fsm.apply", tookMs);
        const name = names.get((command[0] ?? 0) & ~mayBeIgnored);
        if (name !== undefined) metrics.timer(name, tookMs, labelsOf(decoded));
      }
    },
    decode: (command) => machine.decode(command),
    snapshot: () => machine.snapshot(),
    prepare: (state) => {
      const startMs = clock.monotonicMs();
      const replace = machine.prepare(state);
      metrics.timer("raft.fsm.restore", clock.monotonicMs() - startMs);
      return replace;
    },
  };
}
