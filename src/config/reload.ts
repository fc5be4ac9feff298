/** What a running agent does not take over from a new configuration. */
import type { Config } from "./config.ts";
import { allKeys } from "./keys.ts";
import { settingAt } from "./settings.ts";

/** The place in the settings tree that holds a key: the list or map itself for keys of its elements. */
function treePath(path: string): string {
  return path.replace(/(?:\[\]|\.<name>).*$/u, "");
}

/** Order of keys does not count: a file may be rewritten by a tool. */
function comparable(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ""
  );
}

/** Keys that differ and take effect only at the next start, in the order of the tables. */
function restartKeys(current: Config, next: Config): readonly string[] {
  const paths = new Set(allKeys.filter((key) => key.reload === "restart").map((key) => treePath(key.path)));
  return [...paths].filter((path) => {
    const [before, after] = [current, next].map((config) => settingAt(config.settings.tree, path));
    return comparable(before) !== comparable(after);
  });
}

/**
 * One sentence for each key that `next` changes and that waits for a restart of an agent that runs with `current`. The
 * values of keys are not named: some are secret.
 */
export function restartWarnings(current: Config, next: Config): readonly string[] {
  return restartKeys(current, next).map(
    (path) => `The value of '${path}' changed, but takes effect only when the agent is restarted`,
  );
}
