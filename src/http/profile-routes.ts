/**
 * `/debug/pprof/…`: profiles of the agent's process, where `enable_debug` is on.
 *
 * Paths, headers and refusals are those of Go's `net/http/pprof`; of its profiles there are those that mean something
 * here. Source: the reference serves them only with `enable_debug`, and else has no such path.
 */
import { plainResponse } from "./respond.ts";
import { HttpError, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

/** Where profiles come from. Failures reject with a public text. */
export interface ProfileSource {
  /** Whether they may be seen. */
  isOn(): boolean;
  /** The process's command line, by words. */
  readonly commandLine: readonly string[];
  cpu(durationMs: number, signal: AbortSignal): Promise<Uint8Array>;
  heap(): Promise<Uint8Array>;
  tasks(): Promise<Uint8Array>;
}

const secondsDefault = 30;
/** Longer than anybody waits. */
const secondsMax = 3_600;

/** Profiles by name, with what they show. */
const profiles: Readonly<Record<string, string>> = {
  cmdline: "the command line of the process",
  goroutine: "what the process waits for: timers, sockets, requests",
  heap: "what the heap holds",
  profile: "where the time goes; for ?seconds=30",
};

/** The routes; `source` is asked with each request. */
export function createProfileRoutes(source: ProfileSource): readonly Route[] {
  return [
    {
      pattern: "/debug/pprof/",
      methods: [],
      handle: (request) => {
        if (!source.isOn()) return plainResponse(404, "");
        return answer(request, source);
      },
    },
  ];
}

async function answer(request: RoutedRequest, source: ProfileSource): Promise<HttpResponse> {
  switch (request.rest) {
    case "":
      return index();
    case "cmdline":
      return plainResponse(200, source.commandLine.join("\u0000"));
    case "profile":
      return profile("profile", await source.cpu(secondsOf(request) * 1000, request.signal));
    case "heap":
    case "allocs":
      return profile(request.rest, await source.heap());
    case "goroutine":
      return profile("goroutine", await source.tasks());
    default:
      return plainResponse(404, "Unknown profile\n", { "X-Go-Pprof": "1" });
  }
}

function secondsOf({ query }: RoutedRequest): number {
  const text = query.get("seconds");
  const seconds = text === "" ? secondsDefault : Number(text);
  if (!Number.isFinite(seconds) || seconds > secondsMax) {
    throw new HttpError(400, "profile duration exceeds the longest that is measured\n", {
      "X-Go-Pprof": "1",
    });
  }
  return seconds > 0 ? seconds : secondsDefault;
}

function profile(name: string, body: Uint8Array): HttpResponse {
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": `attachment; filename="${name}"`,
    "X-Content-Type-Options": "nosniff",
  };
  return { status: 200, headers, body };
}

function index(): HttpResponse {
  const rows = Object.entries(profiles).map(
    ([name, what]) => `<li><a href="${name}">${name}</a>: ${what}</li>`,
  );
  const body = `<html><head><title>/debug/pprof/</title></head><body><ul>\n${rows.join("\n")}\n</ul></body></html>\n`;
  return { status: 200, headers: { "Content-Type": "text/html; charset=utf-8" }, body };
}
