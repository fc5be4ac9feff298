/**
 * The outside world for checks, on node:* so that Bun and Node both run it.
 *
 * HTTP in either version is loaded with the first check that needs it: an agent without one saves the memory.
 */
import type { CheckIo } from "../agent/check-io.ts";
import { runCommand } from "./check-command.ts";
import { probeTcp, probeUdp } from "./check-sockets.ts";
import type { TlsMaterial } from "./check-tls.ts";

export interface CheckIoOptions {
  /** What the agent shows and trusts where checks use TLS; by default the system's authorities and no certificate. */
  readonly tls?: () => TlsMaterial;
  /** Where the Docker daemon listens, as in the variable `DOCKER_HOST`; "": its usual socket. */
  readonly dockerHost?: string;
}

/** The real world. */
export function systemCheckIo(options: CheckIoOptions = {}): CheckIo {
  const tls = options.tls ?? ((): TlsMaterial => ({}));
  const dockerHost = options.dockerHost ?? "";
  return {
    http: async (probe, signal) => (await import("./check-http.ts")).probeHttp(probe, tls(), signal),
    tcp: (probe, signal) => probeTcp(probe, tls(), signal),
    udp: probeUdp,
    h2ping: async (probe, signal) => (await import("./check-http2.ts")).probeH2Ping(probe, tls(), signal),
    grpc: async (probe, signal) => (await import("./check-http2.ts")).probeGrpc(probe, tls(), signal),
    docker: async (request, signal) =>
      (await import("./check-docker.ts")).askDocker(request, dockerHost, signal),
    run: runCommand,
  };
}
