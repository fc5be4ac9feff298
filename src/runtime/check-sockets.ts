/** Connections and datagrams for checks. Errors read as Go's do. */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import type { TcpProbe, UdpProbe } from "../agent/check-io.ts";
import { hostPort, parseHostPort, type NetAddress } from "../lib/net.ts";
import { connectionTls, type TlsMaterial } from "./check-tls.ts";
import { networkWords } from "./check-words.ts";

/** Where `host:port` is; no host means this one. Throws with Go's words for an address that is none. */
export function dialTarget(network: string, address: string): NetAddress {
  const target = parseHostPort(address);
  if (target === undefined) {
    const port = /:([^:\]]*)$/u.exec(address)?.[1];
    const reason =
      port === undefined || address.endsWith("]")
        ? "missing port in address"
        : /^\d+$/u.test(port)
          ? "invalid port"
          : "too many colons in address";
    throw new Error(`dial ${network}: address ${address}: ${reason}`);
  }
  return target.host === "" ? { ...target, host: "localhost" } : target;
}

/** Settles once connected, with TLS if asked for. */
export async function probeTcp(probe: TcpProbe, tls: TlsMaterial, signal: AbortSignal): Promise<void> {
  const target = dialTarget("tcp", probe.address);
  const choice = { serverName: probe.tlsServerName, skipVerify: probe.tlsSkipVerify };
  await new Promise<void>((resolve, reject) => {
    const socket: Socket = probe.tls
      ? tlsConnect({ ...target, ...connectionTls(tls, choice) })
      : connect(target);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.removeAllListeners();
      // A late error has nobody left to tell.
      socket.on("error", () => undefined);
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const giveUp = (): void => settle(new Error("the check was stopped"));
    const timer = setTimeout(
      () => settle(new Error(`dial tcp ${probe.address}: i/o timeout`)),
      probe.timeoutMs,
    );
    signal.addEventListener("abort", giveUp);
    socket.on(probe.tls ? "secureConnect" : "connect", () => settle());
    socket.on("error", (error) => settle(new Error(networkWords(error, probe.address), { cause: error })));
  });
}

/** Sends one empty datagram; an answer or silence is good, a refusal by the host is not. */
export async function probeUdp(probe: UdpProbe, signal: AbortSignal): Promise<void> {
  const { host, port } = dialTarget("udp", probe.address);
  let found;
  try {
    found = await lookup(host);
  } catch (error) {
    throw new Error(`dial udp: lookup ${host}: no such host`, { cause: error });
  }
  const remote: NetAddress = { host: found.address, port };
  await new Promise<void>((resolve, reject) => {
    const socket = createSocket(found.family === 6 ? "udp6" : "udp4");
    let local = "";
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      socket.close();
      if (error === undefined) resolve();
      else reject(error);
    };
    const giveUp = (): void => settle(new Error("the check was stopped"));
    const timer = setTimeout(() => settle(), probe.timeoutMs);
    signal.addEventListener("abort", giveUp);
    socket.on("message", () => settle());
    socket.on("error", (error) => {
      const isRefused = "code" in error && error.code === "ECONNREFUSED";
      const reason = isRefused ? "connection refused" : error.message;
      settle(new Error(`read udp ${local}->${hostPort(remote)}: read: ${reason}`, { cause: error }));
    });
    // Connected, so that the host's refusals reach this socket.
    socket.connect(port, remote.host, () => {
      const { address, port: own } = socket.address();
      local = hostPort({ host: address, port: own });
      socket.send(new Uint8Array(0), () => undefined);
    });
  });
}
