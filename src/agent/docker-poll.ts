/**
 * Runs a command inside a container and takes its exit code, through the Docker daemon's API.
 *
 * Three requests: create an exec, start it (the answer is its output), inspect it (the exit code).
 * Source: Docker Engine API, "Exec"; texts are the reference's.
 */
import type { CheckType } from "../wire/structs/service.ts";
import type { CheckIo, DockerReply, DockerRequest } from "./check-io.ts";
import { capturedText, plainText, type Poll } from "./poll-runner.ts";

const millisecondNs = 1e6;
/** The reference waits for ever; a container that hangs must not hold up its check here. */
const timeoutDefaultMs = 30_000;

/** Exit code 0 passes, 1 warns, everything else is critical. */
export function dockerPoll(io: CheckIo, check: CheckType, outputBytesMax: number): Poll {
  const timeoutMs = check.Timeout > 0 ? check.Timeout / millisecondNs : timeoutDefaultMs;
  const exec = new DockerExec(io, check.DockerContainerID, { timeoutMs, outputBytesMax });
  return async (signal) => {
    const id = await exec.create(check.ScriptArgs ?? [], signal);
    const output = await exec.start(id, signal);
    const code = await exec.exitCode(id, signal);
    const status = code === 0 ? "passing" : code === 1 ? "warning" : "critical";
    return { status, output: capturedText(output) };
  };
}

type Limits = Pick<DockerRequest, "timeoutMs" | "outputBytesMax">;

class DockerExec {
  readonly #io: CheckIo;
  readonly #container: string;
  readonly #limits: Limits;

  constructor(io: CheckIo, container: string, limits: Limits) {
    this.#io = io;
    this.#container = container;
    this.#limits = limits;
  }

  /** The id of a new exec. */
  async create(command: readonly string[], signal: AbortSignal): Promise<string> {
    const container = this.#container;
    const reply = await this.#ask("create", signal, {
      method: "POST",
      path: `/containers/${encodeURIComponent(container)}/exec`,
      body: { AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, Cmd: command },
    });
    switch (reply.status) {
      case 201: {
        const id = this.#field(reply, "create", "Id");
        if (typeof id !== "string") throw this.#nothing("create", "Id");
        return id;
      }
      case 404:
        throw new Error(`create exec failed for unknown container ${container}`);
      case 409:
        throw new Error(`create exec failed since container ${container} is paused or stopped`);
      default:
        throw this.#unexpected("create", reply);
    }
  }

  /** Its output. `Tty` here means that the daemon sends it raw, without frames. */
  async start(id: string, signal: AbortSignal): Promise<DockerReply["output"]> {
    const container = this.#container;
    const reply = await this.#ask("start", signal, {
      method: "POST",
      path: `/exec/${id}/start`,
      body: { Detach: false, Tty: true },
    });
    switch (reply.status) {
      case 200:
        return reply.output;
      case 404:
        throw new Error(`start exec failed for container ${container}: invalid exec id ${id}`);
      case 409:
        throw new Error(`start exec failed since container ${container} is paused or stopped`);
      default:
        throw new Error(
          `start exec failed for container ${container} with status ${reply.status}: body: ${plainText(reply.output)} err: <nil>`,
        );
    }
  }

  async exitCode(id: string, signal: AbortSignal): Promise<number> {
    const reply = await this.#ask("inspect", signal, { method: "GET", path: `/exec/${id}/json` });
    switch (reply.status) {
      case 200: {
        const code = this.#field(reply, "inspect", "ExitCode");
        if (typeof code !== "number") throw this.#nothing("inspect", "ExitCode");
        return code;
      }
      case 404:
        throw new Error(`inspect exec failed for container ${this.#container}: invalid exec id ${id}`);
      default:
        throw this.#unexpected("inspect", reply);
    }
  }

  async #ask(
    step: string,
    signal: AbortSignal,
    request: Omit<DockerRequest, keyof Limits>,
  ): Promise<DockerReply> {
    try {
      return await this.#io.docker({ ...request, ...this.#limits }, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${step} exec failed for container ${this.#container}: ${reason}`, { cause: error });
    }
  }

  #unexpected(step: string, reply: DockerReply): Error {
    return new Error(
      `${step} exec failed for container ${this.#container} with status ${reply.status}: ${plainText(reply.output)}`,
    );
  }

  /** A field of an answer in JSON. */
  #field(reply: DockerReply, step: string, name: string): unknown {
    const where = `${step} exec response for container ${this.#container} cannot be parsed`;
    let value: unknown;
    try {
      value = JSON.parse(plainText(reply.output));
    } catch (error) {
      throw new Error(`${where}: ${String(error)}`, { cause: error });
    }
    return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  }

  #nothing(step: string, name: string): Error {
    return new Error(
      `${step} exec response for container ${this.#container} cannot be parsed: it has no ${name}`,
    );
  }
}
