/** HTTP requests, connections and commands for checks, on node:* so that Bun and Node both run it. */
import { spawn } from "node:child_process";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import type {
  CheckIo,
  CommandProbe,
  CommandResult,
  HttpProbe,
  HttpProbeResult,
  TcpProbe,
} from "../agent/check-io.ts";
import { TailBuffer, type CapturedOutput } from "../lib/tail-buffer.ts";

/** What the program calls itself in requests. */
const userAgent = "Consul Health Check";
const redirectsMax = 10;

/** The real world. */
export function systemCheckIo(): CheckIo {
  return { http: probeHttp, tcp: probeTcp, run: runCommand };
}

async function probeHttp(probe: HttpProbe, signal: AbortSignal): Promise<HttpProbeResult> {
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(probe.timeoutMs)));
  const either = AbortSignal.any([signal, deadline]);
  let current = probe;
  try {
    for (let hop = 0; ; hop += 1) {
      const answer = await oneRequest(current, either);
      const next = probe.followRedirects ? redirected(current, answer) : undefined;
      if (next === undefined) {
        return {
          status: answer.statusCode ?? 0,
          statusText: answer.statusMessage ?? "",
          output: await readTail(answer, probe.outputBytesMax),
        };
      }
      answer.destroy();
      if (hop >= redirectsMax) throw new Error(`stopped after ${redirectsMax} redirects`);
      current = next;
    }
  } catch (error) {
    const verb = current.method[0] + current.method.slice(1).toLowerCase();
    const reason = deadline.aborted
      ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
      : networkText(error, addressOf(current.url));
    throw new Error(`${verb} ${JSON.stringify(current.url)}: ${reason}`, { cause: error });
  }
}

function addressOf(url: string): string {
  try {
    const { hostname, port, protocol } = new URL(url);
    return `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
  } catch {
    return url;
  }
}

function oneRequest(probe: HttpProbe, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(probe.url);
    const options: RequestOptions & { servername?: string; rejectUnauthorized?: boolean } = {
      method: probe.method,
      headers: headersOf(probe),
      signal,
      agent: false,
    };
    if (url.protocol === "https:") {
      options.rejectUnauthorized = !probe.tlsSkipVerify;
      if (probe.tlsServerName !== "") options.servername = probe.tlsServerName;
    } else if (url.protocol !== "http:")
      throw new Error(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
    const start = url.protocol === "https:" ? httpsRequest : httpRequest;
    const sent = start(url, options, resolve);
    sent.on("error", reject);
    sent.end(probe.body);
  });
}

function headersOf(probe: HttpProbe): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(probe.headers)) {
    headers[name] = values.length === 1 ? (values[0] ?? "") : [...values];
  }
  const has = (wanted: string): boolean => Object.keys(headers).some((name) => name.toLowerCase() === wanted);
  if (!has("user-agent")) headers["User-Agent"] = userAgent;
  if (!has("accept")) headers["Accept"] = "text/plain, text/*, */*";
  if (probe.body !== "") headers["Content-Length"] = String(Buffer.byteLength(probe.body));
  return headers;
}

/** The request that an answer asks for instead, as Go's client follows it. */
function redirected(probe: HttpProbe, answer: IncomingMessage): HttpProbe | undefined {
  const { statusCode } = answer;
  const { location } = answer.headers;
  if (location === undefined || statusCode === undefined) return undefined;
  const url = new URL(location, probe.url).href;
  if (statusCode === 307 || statusCode === 308) return { ...probe, url };
  if (statusCode !== 301 && statusCode !== 302 && statusCode !== 303) return undefined;
  return { ...probe, url, method: probe.method === "HEAD" ? "HEAD" : "GET", body: "" };
}

function readTail(answer: IncomingMessage, bytesMax: number): Promise<CapturedOutput> {
  const tail = new TailBuffer(bytesMax);
  return new Promise((resolve) => {
    // A body that breaks off still tells something.
    const done = (): void => resolve(tail.captured());
    answer.on("data", (chunk: Uint8Array) => tail.write(chunk));
    answer.on("end", done);
    answer.on("error", done);
    answer.on("close", done);
  });
}

function probeTcp(probe: TcpProbe, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const at = probe.address.lastIndexOf(":");
    const port = Number(probe.address.slice(at + 1));
    if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
      reject(new Error(`dial tcp: address ${probe.address}: missing port in address`));
      return;
    }
    const host = probe.address.slice(0, at).replace(/^\[|\]$/g, "");
    const target = { host: host === "" ? "localhost" : host, port };
    const socket: Socket = probe.tls
      ? tlsConnect({
          ...target,
          rejectUnauthorized: !probe.tlsSkipVerify,
          ...(probe.tlsServerName === "" ? {} : { servername: probe.tlsServerName }),
        })
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
    socket.on("error", (error) => settle(new Error(networkText(error, probe.address), { cause: error })));
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ConnectionRefused: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

/** A failure in the words of Go's network package. */
function networkText(error: unknown, address: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = reasons[code];
  if (reason !== undefined) return `dial tcp ${address}: connect: ${reason}`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return `dial tcp: lookup ${address.slice(0, address.lastIndexOf(":"))}: no such host`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Runs a command in a process group of its own, so that its children end with it. */
function runCommand(probe: CommandProbe, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = probe.argv;
    if (program === undefined || program === "") {
      reject(new Error("need an executable to run"));
      return;
    }
    const tail = new TailBuffer(probe.outputBytesMax);
    const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let timedOut = false;
    const killGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL"); // The group is gone or not ours: the child alone, then.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, probe.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", killGroup);
    };
    signal.addEventListener("abort", killGroup);
    child.stdout.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => tail.write(chunk));
    child.on("error", (error) => {
      settle();
      const missing = "code" in error && error.code === "ENOENT";
      const text = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
      reject(missing ? new Error(text, { cause: error }) : error);
    });
    child.on("close", (code) => {
      settle();
      resolve({ exitCode: code ?? undefined, timedOut, output: tail.captured() });
    });
  });
}
