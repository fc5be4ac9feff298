/**
 * What clients did and saw, as JSON lines: first the run, then operations and faults in the order of their ends.
 *
 * Times are microseconds since the run began, rounded so that an operation never looks shorter than it was.
 */

/** How a read is to be answered. */
export type ReadMode = "default" | "consistent" | "stale";

/** What a client asked for. Values are written once in a whole run; `index` is a `ModifyIndex` that a read saw. */
export type Action =
  | { readonly kind: "put"; readonly value: string }
  | { readonly kind: "cas"; readonly value: string; readonly index: number }
  | { readonly kind: "delete" }
  | { readonly kind: "delete-cas"; readonly index: number }
  | { readonly kind: "get"; readonly mode: ReadMode }
  | { readonly kind: "acquire"; readonly session: string; readonly value: string }
  | { readonly kind: "release"; readonly session: string; readonly value: string }
  | { readonly kind: "destroy"; readonly session: string };

/** A key as a read saw it. */
export interface Seen {
  readonly value: string;
  readonly modifyIndex: number;
  readonly createIndex: number;
  readonly lockIndex: number;
  /** Empty: nobody holds it. */
  readonly session: string;
}

/**
 * How it ended. `failed`: it certainly had no effect. `unknown`: it may have its effect at any later time, or never.
 */
export type Result =
  | { readonly kind: "written"; readonly succeeded: boolean }
  /** `seen` is absent when there was no such key. */
  | { readonly kind: "read"; readonly seen?: Seen }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "unknown"; readonly why: string };

/** One operation of one client on one key. */
export interface Operation {
  readonly kind: "operation";
  readonly client: number;
  /** The server that was asked, from 1, and how often it had been started by then. */
  readonly server: number;
  readonly incarnation: number;
  readonly key: string;
  readonly action: Action;
  readonly startUs: number;
  readonly endUs: number;
  readonly result: Result;
}

/** A disturbance, from its beginning until it was undone. */
export interface FaultRecord {
  readonly kind: "fault";
  readonly name: string;
  readonly servers: readonly number[];
  readonly startUs: number;
  readonly endUs: number;
}

/** What was run. */
export interface RunRecord {
  readonly kind: "run";
  readonly seed: number;
  readonly servers: number;
  readonly faults: readonly string[];
  readonly program: string;
}

/** A whole run. */
export interface History {
  readonly run: RunRecord;
  readonly operations: readonly Operation[];
  readonly faults: readonly FaultRecord[];
}

/** One line without its end. */
export function renderRecord(record: RunRecord | Operation | FaultRecord): string {
  return JSON.stringify(record);
}

/** Reads lines that `renderRecord` made. Throws `Error` with the number of a line that is none. */
export function parseHistory(text: string): History {
  let run: RunRecord | undefined;
  const operations: Operation[] = [];
  const faults: FaultRecord[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const record = parseLine(line, at + 1);
    if (record.kind === "run") run = record;
    else if (record.kind === "operation") operations.push(record);
    else faults.push(record);
  }
  if (run === undefined) throw new Error("this is no history: no line says what was run");
  return { run, operations, faults };
}

function parseLine(line: string, number: number): RunRecord | Operation | FaultRecord {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (error) {
    throw new Error(`line ${number} is not JSON`, { cause: error });
  }
  const kind = typeof record === "object" && record !== null && "kind" in record ? record.kind : undefined;
  if (kind !== "run" && kind !== "operation" && kind !== "fault")
    throw new Error(`line ${number} is no record of a history`);
  return record as RunRecord | Operation | FaultRecord;
}
