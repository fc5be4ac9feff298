/** What an agent tells about itself for finding faults. */
import type { HttpClient } from "./http-client.ts";

/** Facts about the machine that the agent runs on. */
export async function agentHost(client: HttpClient): Promise<unknown> {
  return client.json({ method: "GET", path: "/v1/agent/host" });
}

/** Members of the wide-area pool, as the agent tells them. */
export async function agentWanMembers(client: HttpClient): Promise<unknown> {
  return client.json({ method: "GET", path: "/v1/agent/members", query: { wan: "1" } });
}

/** Metrics, a line of JSON for each interval, until either side ends it. */
export async function agentMetricsStream(
  client: HttpClient,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  return (await client.request({ method: "GET", path: "/v1/agent/metrics/stream", signal })).body;
}

/** A profile of an agent; `seconds` for those that take a while. `undefined` if it has none of this name. */
export async function agentProfile(
  client: HttpClient,
  name: string,
  options: { readonly seconds?: number; readonly signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { seconds, signal } = options;
  const reply = await client.request({
    method: "GET",
    path: `/debug/pprof/${name}`,
    query: { seconds: seconds === undefined ? undefined : String(seconds) },
    signal,
    accept: [200, 404],
  });
  if (reply.status === 200) return reply.body;
  for await (const chunk of reply.body) void chunk;
  return undefined;
}

/** Whether the agent serves profiles. */
export async function servesProfiles(client: HttpClient): Promise<boolean> {
  const reply = await client.request({
    method: "GET",
    path: "/debug/pprof/cmdline",
    accept: [200, 401, 403, 404],
  });
  for await (const chunk of reply.body) void chunk;
  return reply.status === 200;
}
