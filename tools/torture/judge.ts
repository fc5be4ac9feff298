/**
 * Judges a history: linearizable keys and locks, and what even a stale read promises.
 *
 * `default` reads must be linearizable like `consistent` ones. The one exception is the documented one: a leader that
 * was cut off or stopped may answer them for as long as its lease lasts. Such reads are counted apart.
 * Source: Consul's documentation of consistency modes.
 */
import { checkLinearizable, type Finding } from "./checker.ts";
import type { FaultRecord, History, Operation, Seen } from "./history.ts";
import { keyCalls, lockCalls, lockModel } from "./models.ts";

/** Keys below this are locks. */
export const lockPrefix = "lock/";

/** A deposed leader's lease, and the time until it notices, at most. */
const leaseUs = 2_000_000;
/** Faults in which a leader may be deposed without knowing. */
const deposing: ReadonlySet<string> = new Set(["partition", "pause"]);

/** What was found. The run is good when there are no violations and nothing was left undecided. */
export interface Verdict {
  readonly violations: readonly string[];
  readonly undecided: readonly string[];
  /** `default` reads that a deposed leader answered within its lease: documented, and none with one server. */
  readonly leaseReads: readonly string[];
  readonly keyCount: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Judges. Pure; time and memory are bounded by the checker's limit per key. */
export function judge(history: History): Verdict {
  const violations: string[] = [];
  const undecided: string[] = [];
  const leaseReads: string[] = [];
  const byKey = groupBy(history.operations, ({ key }) => key);
  for (const [key, operations] of byKey) {
    violations.push(...indexProblems(key, operations), ...staleProblems(key, operations));
    if (key.startsWith(lockPrefix)) {
      report(key, checkLinearizable(lockModel, lockCalls(operations)), { violations, undecided });
      continue;
    }
    const finding = checkKey(operations, operations);
    if (finding.kind !== "impossible") {
      report(key, finding, { violations, undecided });
      continue;
    }
    const excused = withoutLeaseReads(operations, history.faults);
    const others = checkKey(excused.operations, operations);
    if (others.kind === "linearizable")
      leaseReads.push(...excused.reads.map((read) => `${key}: ${describe(read)}`));
    else report(key, others, { violations, undecided });
  }
  return {
    violations,
    undecided,
    leaseReads,
    keyCount: byKey.size,
    counts: countResults(history.operations),
  };
}

function checkKey(operations: readonly Operation[], all: readonly Operation[]): Finding<unknown> {
  const { model, calls } = keyCalls(operations, all);
  return checkLinearizable(model, calls);
}

interface Reports {
  readonly violations: string[];
  readonly undecided: string[];
}

function report(key: string, finding: Finding<unknown>, { violations, undecided }: Reports): void {
  if (finding.kind === "undecided")
    undecided.push(`${key}: no order found among the first ${finding.visited} tried`);
  if (finding.kind !== "impossible") return;
  const stuck = finding.stuck.map(({ op, start, end }) => `  ${start}–${end ?? ""} µs ${JSON.stringify(op)}`);
  violations.push(
    [
      `${key}: not linearizable: after ${finding.explained} operations in state "${finding.state}", none of these can be next:`,
      ...stuck,
    ].join("\n"),
  );
}

/** Leaves out the `default` reads that a deposed leader may have answered, as few as it takes. */
function withoutLeaseReads(
  operations: readonly Operation[],
  faults: readonly FaultRecord[],
): { readonly operations: readonly Operation[]; readonly reads: readonly Operation[] } {
  const isSuspect = ({ action, startUs, endUs }: Operation): boolean =>
    action.kind === "get" &&
    action.mode === "default" &&
    faults.some(
      (fault) => deposing.has(fault.name) && startUs <= fault.endUs + leaseUs && endUs >= fault.startUs,
    );
  const suspects = operations.filter(isSuspect);
  let kept = operations.filter((one) => !isSuspect(one));
  if (checkKey(kept, operations).kind !== "linearizable") return { operations: kept, reads: [] };
  const reads: Operation[] = [];
  for (const read of suspects) {
    const more = [...kept, read];
    if (checkKey(more, operations).kind === "linearizable") kept = more;
    else reads.push(read);
  }
  return { operations: kept, reads };
}

/** One value, one index, and the other way round; whatever the mode of the read. */
function indexProblems(key: string, operations: readonly Operation[]): readonly string[] {
  const problems: string[] = [];
  const byValue = new Map<string, number>();
  const byIndex = new Map<number, string>();
  if (key.startsWith(lockPrefix)) return problems;
  for (const { result } of operations) {
    if (result.kind !== "read" || result.seen === undefined) continue;
    const { value, modifyIndex, createIndex } = result.seen;
    const index = byValue.get(value) ?? modifyIndex;
    const other = byIndex.get(modifyIndex) ?? value;
    byValue.set(value, index);
    byIndex.set(modifyIndex, other);
    if (index !== modifyIndex)
      problems.push(`${key}: "${value}" was seen at index ${index} and at ${modifyIndex}: written twice`);
    if (other !== value)
      problems.push(`${key}: index ${modifyIndex} was seen with "${other}" and with "${value}"`);
    if (createIndex > modifyIndex) problems.push(`${key}: created at ${createIndex}, after ${modifyIndex}`);
  }
  return [...new Set(problems)];
}

/** A stale read shows a value that somebody was writing by then, and one server never goes back. */
function staleProblems(key: string, operations: readonly Operation[]): readonly string[] {
  const problems: string[] = [];
  const firstUs = new Map<string, number>();
  for (const { action, startUs } of operations) {
    if ("value" in action) firstUs.set(action.value, Math.min(startUs, firstUs.get(action.value) ?? startUs));
  }
  const stale = operations.filter(({ action }) => action.kind === "get" && action.mode === "stale");
  for (const read of stale) {
    const seen = seenBy(read);
    if (seen === undefined || seen.value === "") continue;
    if ((firstUs.get(seen.value) ?? Number.POSITIVE_INFINITY) > read.endUs)
      problems.push(`${key}: nobody had written what this saw: ${describe(read)}`);
  }
  const byServer = groupBy(stale, ({ server, incarnation }) => `${server}/${incarnation}`);
  for (const reads of byServer.values()) problems.push(...backwards(key, reads));
  return problems;
}

function backwards(key: string, reads: readonly Operation[]): readonly string[] {
  const problems: string[] = [];
  const byEnd = reads.filter((read) => seenBy(read) !== undefined).toSorted((a, b) => a.endUs - b.endUs);
  const byStart = byEnd.toSorted((a, b) => a.startUs - b.startUs);
  let highest = 0;
  let at = 0;
  for (const read of byStart) {
    for (let done = byEnd[at]; done !== undefined && done.endUs < read.startUs; done = byEnd[at]) {
      highest = Math.max(highest, seenBy(done)?.modifyIndex ?? 0);
      at += 1;
    }
    if ((seenBy(read)?.modifyIndex ?? 0) < highest)
      problems.push(`${key}: server ${read.server} went back behind index ${highest}: ${describe(read)}`);
  }
  return problems;
}

function seenBy({ result }: Operation): Seen | undefined {
  return result.kind === "read" ? result.seen : undefined;
}

function describe({ client, server, action, startUs, endUs, result }: Operation): string {
  return `${startUs}–${endUs} µs client ${client} of server ${server}: ${JSON.stringify(action)} → ${JSON.stringify(result)}`;
}

/** How many of each kind ended how; `"put unknown"` → 3. */
function countResults(operations: readonly Operation[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { action, result } of operations) {
    const kind = action.kind === "get" ? `${action.mode} get` : action.kind;
    const end = result.kind === "written" || result.kind === "read" ? "done" : result.kind;
    counts[`${kind} ${end}`] = (counts[`${kind} ${end}`] ?? 0) + 1;
  }
  return counts;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
