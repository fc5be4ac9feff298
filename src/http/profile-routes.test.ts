import { expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { createApp, type App } from "./app.ts";
import { createProfileRoutes, type ProfileSource } from "./profile-routes.ts";
import type { HttpResponse } from "./types.ts";

const bytes = (text: string): Promise<Uint8Array> => Promise.resolve(new TextEncoder().encode(text));

function door(source: Partial<ProfileSource> = {}): App {
  const whole: ProfileSource = {
    isOn: () => true,
    commandLine: ["a", "b"],
    cpu: (durationMs) => bytes(`cpu ${durationMs}`),
    heap: () => bytes("heap"),
    tasks: () => bytes("tasks"),
    ...source,
  };
  return createApp({
    routes: createProfileRoutes(whole),
    context: {
      rpc: { call: () => Promise.reject(new Error("nobody calls")) },
      datacenter: "dc1",
      nodeName: "n1",
      log: silentLog,
      metrics: noMetrics,
      kvValueBytesMax: 1,
      txnBytesMax: 1,
    },
    blockedEndpoints: [],
    responseHeaders: {},
    unprintableCharFilter: true,
  });
}

async function ask(app: App, name: string): Promise<HttpResponse & { readonly text: string }> {
  const [path = "", search = ""] = `/debug/pprof/${name}`.split("?");
  const response = await app({
    method: "GET",
    path,
    search,
    header: () => undefined,
    body: () => bytes(""),
    signal: new AbortController().signal,
    remoteAddress: "127.0.0.1",
  });
  const { body } = response;
  return {
    ...response,
    text: typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array),
  };
}

test.each([
  ["cmdline", 200, "a\u0000b"],
  ["profile", 200, "cpu 30000"],
  ["profile?seconds=2", 200, "cpu 2000"],
  ["profile?seconds=0", 200, "cpu 30000"],
  ["profile?seconds=1e9", 400, "profile duration exceeds the longest that is measured\n"],
  ["heap", 200, "heap"],
  ["allocs", 200, "heap"],
  ["goroutine", 200, "tasks"],
  ["trace", 404, "Unknown profile\n"],
])("%s: %d", async (name, status, text) => {
  expect(await ask(door(), name)).toMatchObject({ status, text });
});

test("there is an index, and a profile is a file", async () => {
  expect((await ask(door(), "")).text).toContain('<a href="heap">heap</a>');
  expect((await ask(door(), "heap")).headers).toMatchObject({
    "Content-Type": "application/octet-stream",
    "Content-Disposition": 'attachment; filename="heap"',
  });
});

test("without enable_debug there is nothing", async () => {
  expect(await ask(door({ isOn: () => false }), "heap")).toMatchObject({ status: 404, text: "" });
});
