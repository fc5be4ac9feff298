/** The outside world for checks, on node:* so that Bun and Node both run it. */
import type { CheckIo } from "../agent/check-io.ts";
import { runCommand } from "./check-command.ts";
import { askDocker } from "./check-docker.ts";
import { probeGrpc, probeH2Ping } from "./check-http2.ts";
import { probeHttp } from "./check-http.ts";
import { probeTcp, probeUdp } from "./check-sockets.ts";
import type { TlsMaterial } from "./check-tls.ts";

export interface CheckIoOptions {
  /** What the agent shows and trusts where checks use TLS; by default the system's authorities and no certificate. */
  readonly tls?: TlsMaterial;
  /** Where the Docker daemon listens, as in the variable `DOCKER_HOST`; "": its usual socket. */
  readonly dockerHost?: string;
}

/** The real world. */
export function systemCheckIo(options: CheckIoOptions = {}): CheckIo {
  const tls = options.tls ?? {};
  const dockerHost = options.dockerHost ?? "";
  return {
    http: (probe, signal) => probeHttp(probe, tls, signal),
    tcp: (probe, signal) => probeTcp(probe, tls, signal),
    udp: probeUdp,
    h2ping: (probe, signal) => probeH2Ping(probe, tls, signal),
    grpc: (probe, signal) => probeGrpc(probe, tls, signal),
    docker: (request, signal) => askDocker(request, dockerHost, signal),
    run: runCommand,
  };
}
