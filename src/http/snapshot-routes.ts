/** `/v1/snapshot`: the whole state as an archive, and back. Source: the reference's HTTP API. */
import { datacenterOf } from "./read-params.ts";
import { plainResponse } from "./respond.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

/** Archives are held in memory; larger ones are refused. */
const archiveBytesMax = 1024 * 1024 * 1024;

async function handle(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const { snapshots } = context;
  if (snapshots === undefined) throw new HttpError(500, "snapshots are taken by servers only");
  const target = { datacenter: datacenterOf(request, context), allowStale: request.query.has("stale") };
  if (request.method === "PUT") {
    await snapshots.restore(await request.body(archiveBytesMax), target);
    return plainResponse(200, "");
  }
  const saved = await snapshots.save(target);
  return {
    status: 200,
    headers: {
      "Content-Type": "application/x-gzip",
      "X-Consul-Index": String(saved.index),
      "X-Consul-Knownleader": String(saved.knownLeader),
      "X-Consul-Lastcontact": String(Math.floor(saved.lastContactMs)),
    },
    body: saved.archive,
  };
}

export const snapshotRoutes: readonly Route[] = [
  { pattern: "/v1/snapshot", methods: ["GET", "PUT"], handle },
];
