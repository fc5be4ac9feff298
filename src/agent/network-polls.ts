/** Polls over UDP, HTTP/2 and gRPC. Texts are the reference's. */
import type { CheckType } from "../wire/structs/service.ts";
import type { CheckIo, CheckTls } from "./check-io.ts";
import type { Poll } from "./poll-runner.ts";

const millisecondNs = 1e6;
const timeoutDefaultMs = 10_000;

function timeoutMs(check: CheckType): number {
  return check.Timeout > 0 ? check.Timeout / millisecondNs : timeoutDefaultMs;
}

function tlsOf(check: CheckType, isOn: boolean): CheckTls | undefined {
  return isOn ? { serverName: check.TLSServerName, skipVerify: check.TLSSkipVerify } : undefined;
}

/** Fails when the port refuses; silence passes, since nothing obliges a service to answer an empty datagram. */
export function udpPoll(io: CheckIo, check: CheckType): Poll {
  const probe = { address: check.UDP, timeoutMs: timeoutMs(check) };
  return async (signal) => {
    await io.udp(probe, signal);
    return { status: "passing", output: `UDP connect ${check.UDP}: Success` };
  };
}

/** Passes when an HTTP/2 PING is answered. */
export function h2pingPoll(io: CheckIo, check: CheckType): Poll {
  const probe = {
    address: check.H2PING,
    timeoutMs: timeoutMs(check),
    tls: tlsOf(check, check.H2PingUseTLS),
  };
  return async (signal) => {
    await io.h2ping(probe, signal);
    return { status: "passing", output: "HTTP2 ping was successful" };
  };
}

const serving = 1;
const servingStatuses: readonly string[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** Asks `host:port/service`, or `host:port` for the whole server, by the gRPC health protocol. */
export function grpcPoll(io: CheckIo, check: CheckType): Poll {
  const target = check.ProxyGRPC === "" ? check.GRPC : check.ProxyGRPC;
  const [address = ""] = target.split("/", 1);
  // The service is that of the definition, also where a proxy stands in front of it.
  const slash = check.GRPC.indexOf("/");
  const probe = {
    address,
    service: slash < 0 ? "" : check.GRPC.slice(slash + 1),
    timeoutMs: timeoutMs(check),
    tls: tlsOf(check, check.GRPCUseTLS),
  };
  return async (signal) => {
    const status = await io.grpc(probe, signal);
    if (status === serving) return { status: "passing", output: `gRPC check ${target}: success` };
    const name = servingStatuses[status] ?? String(status);
    return { status: "critical", output: `gRPC ${target} serving status: ${name}` };
  };
}
