export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** One structured log record; values are rendered as `key=value`. Never pass a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a component writes what it did. `named("raft")` gives `agent.raft: …` lines as the reference prints. */
export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry this component's name, appended to the parent's with a dot. */
  named(component: string): Log;
}

const nothing = (): void => undefined;

/** Discards everything; for tests and tools. */
export const silentLog: Log = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  named: () => silentLog,
};
