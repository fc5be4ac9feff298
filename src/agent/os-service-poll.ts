/**
 * Asks the system's service manager whether a service runs: systemd, by `systemctl is-active`.
 *
 * The reference does this on Windows only and refuses such checks elsewhere; statuses and texts are those that
 * it has there.
 */
import { renderDuration } from "../lib/duration.ts";
import type { CheckType } from "../wire/structs/service.ts";
import type { CheckIo } from "./check-io.ts";
import { plainText, type Poll } from "./poll-runner.ts";

const millisecondNs = 1e6;
const timeoutDefaultMs = 30_000;
const outputBytesMax = 4_096;

/** States in which a service is down; `systemctl` exits with 3 for these and for those between two states. */
const downStates: ReadonlySet<string> = new Set(["inactive", "failed"]);

/** Running passes, stopped or failed is critical, anything else (an unknown service, on its way up) warns. */
export function osServicePoll(io: CheckIo, check: CheckType): Poll {
  const name = check.OSService;
  const timeoutMs = check.Timeout > 0 ? check.Timeout / millisecondNs : timeoutDefaultMs;
  // The name is an argument, never an option or a word of a shell.
  const probe = { argv: ["systemctl", "is-active", "--", name], timeoutMs, outputBytesMax };
  return async (signal) => {
    let result;
    try {
      result = await io.run(probe, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { status: "warning", output: `failed to connect to the service manager: ${reason}` };
    }
    if (result.timedOut) {
      const late = `Timed out (${renderDuration(timeoutMs * millisecondNs)}) running check`;
      return { status: "critical", output: late, final: true };
    }
    if (result.exitCode === 0) return { status: "passing", output: `Service "${name}" is healthy` };
    const state = plainText(result.output).trim();
    if (result.exitCode === 3 && downStates.has(state)) {
      return { status: "critical", output: `service status: ${state} - OS Service unhealthy` };
    }
    if (result.exitCode === 3) return { status: "warning", output: `service status: ${state}` };
    return { status: "warning", output: `error accessing service: ${state}` };
  };
}
