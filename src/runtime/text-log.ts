/**
 * Renders log records as the reference prints them and hands each line to its sinks:
 *
 *     2026-01-31T12:00:00.000Z [INFO]  agent.server: something happened: key=value
 */
import type { Clock } from "../lib/clock.ts";
import type { Log, LogFields, LogLevel } from "../lib/log.ts";

const rank: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };
const label: Readonly<Record<LogLevel, string>> = {
  trace: "[TRACE]",
  debug: "[DEBUG]",
  info: "[INFO] ",
  warn: "[WARN] ",
  error: "[ERROR]",
};

/** One record, before it is rendered. */
export interface LogRecord {
  readonly wallMs: number;
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields;
}
type Sink = (record: LogRecord) => void;

/** The records of one agent: who wants which level, and loggers that feed them. */
export class LogHub {
  readonly #clock: Clock;
  readonly #sinks = new Map<Sink, number>();
  #lowest = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Hands records of `level` and above to `sink` until disposed. */
  subscribe(level: LogLevel, sink: Sink): Disposable {
    this.#sinks.set(sink, rank[level]);
    this.#relevel();
    return {
      [Symbol.dispose]: () => {
        this.#sinks.delete(sink);
        this.#relevel();
      },
    };
  }

  logger(component: string): Log {
    const at =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}): void =>
        this.#emit({ wallMs: 0, level, component, message, fields });
    return {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      named: (name) => this.logger(component === "" ? name : `${component}.${name}`),
    };
  }

  #emit(record: LogRecord): void {
    const level = rank[record.level];
    if (level < this.#lowest) return;
    const stamped = { ...record, wallMs: this.#clock.wallMs() };
    for (const [sink, wanted] of this.#sinks) if (level >= wanted) sink(stamped);
  }

  #relevel(): void {
    this.#lowest = Math.min(Number.POSITIVE_INFINITY, ...this.#sinks.values());
  }
}

/** A line of text, without its end. */
export function renderText({ wallMs, level, component, message, fields }: LogRecord): string {
  let text = `${new Date(wallMs).toISOString()} ${label[level]} ${component}: ${message}`;
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (given.length > 0) text += ":";
  for (const [key, value] of given) {
    const shown = String(value);
    text += ` ${key}=${/[\s"=]/.test(shown) || shown === "" ? JSON.stringify(shown) : shown}`;
  }
  return text;
}

/** A line of JSON, without its end. */
export function renderJsonLine({ wallMs, level, component, message, fields }: LogRecord): string {
  return JSON.stringify({
    "@level": level,
    "@message": message,
    "@module": component,
    "@timestamp": new Date(wallMs).toISOString(),
    ...fields,
  });
}
