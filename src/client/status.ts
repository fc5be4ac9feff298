import type { HttpClient } from "./http-client.ts";

/** Address of the leader, "" if there is none. */
export async function statusLeader(client: HttpClient): Promise<string> {
  const leader = await client.json({ method: "GET", path: "/v1/status/leader" });
  return typeof leader === "string" ? leader : "";
}
