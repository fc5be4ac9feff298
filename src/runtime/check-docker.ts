/** Requests to the Docker daemon, over its socket or TCP. Source: Docker Engine API; the rules of DOCKER_HOST. */
import { request, type RequestOptions } from "node:http";
import type { DockerReply, DockerRequest } from "../agent/check-io.ts";
import { parseHostPort } from "../lib/net.ts";
import { TailBuffer } from "../lib/tail-buffer.ts";
import { networkWords } from "./check-words.ts";

const usualHost = "unix:///var/run/docker.sock";

interface DockerAddress {
  readonly options: RequestOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly basePath: string;
  readonly shown: string;
}

/** Throws for a host that cannot be parsed. */
function dockerAddress(host: string): DockerAddress {
  const [, scheme, rest] = /^([a-z]+):\/\/(.*)$/u.exec(host === "" ? usualHost : host) ?? [];
  if (scheme === "unix" && rest !== undefined) {
    return { options: { socketPath: rest }, headers: { Host: "docker" }, basePath: "", shown: rest };
  }
  const [, authority = "", basePath = ""] = /^([^/]*)(\/.*)?$/u.exec(rest ?? "") ?? [];
  const target = parseHostPort(authority);
  if (scheme === "tcp" && target !== undefined) {
    return { options: { host: target.host, port: target.port }, headers: {}, basePath, shown: authority };
  }
  throw new Error(`unable to parse docker host \`${host}\``);
}

/** One request and the end of its answer. */
export function askDocker(asked: DockerRequest, host: string, signal: AbortSignal): Promise<DockerReply> {
  return new Promise((resolve, reject) => {
    const { options, headers: fixed, basePath, shown } = dockerAddress(host);
    const body = asked.body === undefined ? undefined : JSON.stringify(asked.body);
    const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(asked.timeoutMs)));
    const headers = {
      ...fixed,
      ...(body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }),
    };
    const url = `http://${encodeURIComponent(shown)}${basePath}${asked.path}`;
    const failed = (error: unknown): void => {
      const reason = deadline.aborted ? "context deadline exceeded" : dockerWords(error, shown);
      const verb = asked.method === "GET" ? "Get" : "Post";
      reject(new Error(`${verb} ${JSON.stringify(url)}: ${reason}`, { cause: error }));
    };
    const sent = request(
      {
        ...options,
        method: asked.method,
        path: basePath + asked.path,
        headers,
        agent: false,
        signal: AbortSignal.any([signal, deadline]),
      },
      (answer) => {
        const tail = new TailBuffer(asked.outputBytesMax);
        answer.on("data", (chunk: Uint8Array) => tail.write(chunk));
        const done = (): void => resolve({ status: answer.statusCode ?? 0, output: tail.captured() });
        answer.on("end", done);
        // Daemons reset the connection of a started exec when it ends; what came before is the output.
        answer.on("error", (error) => (deadline.aborted || signal.aborted ? failed(error) : done()));
      },
    );
    sent.on("error", failed);
    sent.end(body);
  });
}

function dockerWords(error: unknown, shown: string): string {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  if (code === "ENOENT" || code === "FailedToOpenSocket") {
    return `dial unix ${shown}: connect: no such file or directory`;
  }
  return networkWords(error, shown);
}
