/**
 * When a server was last seen running, so that one that was away for too long does not come back with its old data.
 *
 * The file's name and form are the reference's: `server_metadata.json`, `{"last_seen_unix":1700000000}`.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import { renderGoDurationMs } from "../lib/go-duration.ts";
import type { Log } from "../lib/log.ts";

const fileName = "server_metadata.json";
/** Source: the reference writes it once an hour. */
const noteMs = 3_600_000;

/** A server that was away for too long. */
export class RejoinAgeError extends ProconsulError {
  readonly code = "rejoin-age";
}

/** Throws `RejoinAgeError`, in the reference's words, if the data directory was last used too long ago. */
export function checkRejoinAge(
  dataDir: string,
  limits: { readonly nowMs: number; readonly maxMs: number },
): void {
  const seenMs = lastSeenMs(join(dataDir, fileName));
  if (seenMs === undefined || limits.nowMs - seenMs <= limits.maxMs) return;
  const limit = renderGoDurationMs(limits.maxMs);
  throw new RejoinAgeError(
    `refusing to rejoin cluster because server has been offline for more than the configured server_rejoin_age_max (${limit}) - consider wiping your data dir`,
  );
}

function lastSeenMs(path: string): number | undefined {
  try {
    const read = JSON.parse(readFileSync(path, "utf8")) as { readonly last_seen_unix?: unknown } | null;
    return typeof read?.last_seen_unix === "number" ? read.last_seen_unix * 1000 : undefined;
  } catch {
    return undefined; // Never started here, or a file of no use: nothing is known against it.
  }
}

/** Notes at once and every hour that the server runs, until disposed. */
export function noteSeen(
  dataDir: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Disposable {
  const path = join(dataDir, fileName);
  let timer: Disposable;
  const note = (): void => {
    try {
      writeFileSync(`${path}.tmp`, JSON.stringify({ last_seen_unix: Math.floor(clock.wallMs() / 1000) }), {
        mode: 0o600,
      });
      renameSync(`${path}.tmp`, path);
    } catch (error) {
      log.error("error writing server metadata", { error: String(error) });
    }
    timer = clock.after(noteMs, note);
  };
  note();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
