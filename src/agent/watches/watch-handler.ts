/** Tells a watch's handler of a change, and the log what came of it. */
import { unreachable } from "../../lib/assert.ts";
import type { Log } from "../../lib/log.ts";
import type { CapturedOutput } from "../../lib/tail-buffer.ts";
import type { WatchView } from "../../lib/watch-plan.ts";
import type { HttpHandlerConfig } from "../../lib/watch-spec.ts";
import type { CheckIo, CommandResult } from "../check-io.ts";
import type { WatchHandler } from "./watch-stanza.ts";

/** What handlers need. */
export interface HandlerParts {
  readonly io: Pick<CheckIo, "http" | "run">;
  readonly log: Log;
  /** The shell for lines of script, such as "/bin/sh". */
  readonly shell: string;
}

/** What is kept of a handler's output, for the log. */
const outputBytesMax = 4_096;
const userAgent = "Proconsul Watch";

/** Never rejects: a handler that fails is logged, and the watch goes on. */
export async function callHandler(
  parts: HandlerParts,
  handler: WatchHandler,
  view: WatchView,
): Promise<void> {
  switch (handler.kind) {
    case "args":
      return runCommand(parts, { argv: handler.argv, shown: handler.argv.join(" ") }, view);
    case "script":
      return runCommand(parts, { argv: [parts.shell, "-c", handler.line], shown: handler.line }, view);
    case "http":
      return post(parts, handler.config, view);
    default:
      return unreachable(handler);
  }
}

/** "0" for a view that has no index. */
function indexOf(view: WatchView): string {
  return view.mark.kind === "index" ? view.mark.index : "0";
}

async function runCommand(
  { io, log }: HandlerParts,
  command: { readonly argv: readonly string[]; readonly shown: string },
  view: WatchView,
): Promise<void> {
  const { argv, shown } = command;
  // A handler may do long work, and is left to finish it also when the watch or the agent ends.
  const never = new AbortController().signal;
  let result: CommandResult;
  try {
    result = await io.run(
      {
        argv,
        timeoutMs: undefined,
        outputBytesMax,
        stdin: new TextEncoder().encode(`${view.json}\n`),
        env: { CONSUL_INDEX: indexOf(view) },
      },
      never,
    );
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    log.error("Failed to run watch handler", { watch_handler: shown, error: error.message });
    return;
  }
  if (result.exitCode !== 0) {
    const error = result.exitCode === undefined ? "ended by a signal" : `exit status ${result.exitCode}`;
    log.error("Failed to run watch handler", { watch_handler: shown, error });
  }
  log.debug("watch handler output", { watch_handler: shown, output: outputText(result.output) });
}

async function post({ io, log }: HandlerParts, config: HttpHandlerConfig, view: WatchView): Promise<void> {
  const { url, method, timeoutMs, headers, tlsSkipVerify } = config;
  const never = new AbortController().signal;
  try {
    const { status, statusText, output } = await io.http(
      {
        method,
        url,
        headers: {
          "User-Agent": [userAgent],
          Accept: ["*/*"],
          "Content-Type": ["application/json"],
          "X-Consul-Index": [indexOf(view)],
          ...headers,
        },
        body: `${view.json}\n`,
        timeoutMs,
        followRedirects: true,
        tlsServerName: "",
        tlsSkipVerify,
        outputBytesMax,
      },
      never,
    );
    const text = outputText(output);
    if (status >= 200 && status <= 299) {
      log.trace("http watch handler output", { watch: url, output: text });
    } else {
      const shown = { watch: url, status: `${status} ${statusText}`, output: text };
      log.error("http watch handler failed with output", shown);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    log.error("Failed to invoke http watch handler", { watch: url, error: error.message });
  }
}

function outputText({ tail, bytesTotal }: CapturedOutput): string {
  const text = new TextDecoder().decode(tail);
  return bytesTotal > tail.length ? `Captured ${tail.length} of ${bytesTotal} bytes\n...\n${text}` : text;
}
