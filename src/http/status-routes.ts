/** `/v1/status/…`. Source: the reference's HTTP API. */
import { list } from "../wire/schema/collections.ts";
import { str } from "../wire/schema/scalars.ts";
import * as methods from "../wire/rpc/methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { readParams } from "./read-params.ts";
import { jsonResponse } from "./respond.ts";
import type { Route } from "./types.ts";

export const statusRoutes: readonly Route[] = [
  {
    pattern: "/v1/status/leader",
    methods: ["GET"],
    handle: async (request, context) => {
      const args = DCSpecificRequest.make(readParams(request, context));
      return jsonResponse(
        request,
        str.json(await context.rpc.call(methods.statusLeader, args, request.signal)),
      );
    },
  },
  {
    pattern: "/v1/status/peers",
    methods: ["GET"],
    handle: async (request, context) => {
      const args = DCSpecificRequest.make(readParams(request, context));
      const peers = await context.rpc.call(methods.statusPeers, args, request.signal);
      return jsonResponse(request, list(str).json(peers));
    },
  },
];
