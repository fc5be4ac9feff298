import type { Net } from "../lib/net.ts";
import type { GrpcCaller } from "../rpc/grpc-caller.ts";
import { rpcType } from "../rpc/rpc-type.ts";

/** Makes gRPC calls; HTTP/2 is loaded with the first, since most agents never make one. */
export function lazyGrpcCaller(net: Pick<Net, "connect">): GrpcCaller {
  return {
    call: async (to, request) => {
      const { openGrpcCaller } = await import("../runtime/grpc-caller.ts");
      return openGrpcCaller(net, rpcType.grpc).call(to, request);
    },
  };
}
