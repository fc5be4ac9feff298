/** The running checks, by kind and id. Starting a check replaces the runner of the same kind. */
import { renderDuration } from "../lib/duration.ts";
import type { CheckType } from "../wire/structs/service.ts";
import { startAlias } from "./alias-runner.ts";
import { checkKind, type CheckKind } from "./check-kind.ts";
import { dockerPoll } from "./docker-poll.ts";
import { grpcPoll, h2pingPoll, udpPoll } from "./network-polls.ts";
import { osServicePoll } from "./os-service-poll.ts";
import { httpPoll, PollRunner, scriptPoll, tcpPoll, type Poll } from "./poll-runner.ts";
import type { CheckRunner, RunnerDeps } from "./runner.ts";
import type { AgentSettings } from "./settings.ts";
import { StatusCounter } from "./status-counter.ts";
import { TtlRunner } from "./ttl-runner.ts";

const millisecondNs = 1e6;
const intervalMinMs = 1_000;

export interface RunnerTableDeps extends RunnerDeps {
  readonly settings: AgentSettings;
}
export interface StartCheck {
  readonly checkId: string;
  readonly type: CheckType;
  readonly token: string;
}

export class RunnerTable {
  readonly #deps: RunnerTableDeps;
  /**
   * A check that is registered again as another kind keeps its old runner until it is removed: the
   * reference does so, and clients see that a replaced TTL check still answers.
   */
  readonly #byKind = new Map<CheckKind, Map<string, CheckRunner>>();

  constructor(deps: RunnerTableDeps) {
    this.#deps = deps;
  }

  /** The runner of a TTL check, if there is one. */
  ttl(checkId: string): TtlRunner | undefined {
    const runner = this.#byKind.get("ttl")?.get(checkId);
    return runner instanceof TtlRunner ? runner : undefined;
  }

  count(kind: CheckKind): number {
    return this.#byKind.get(kind)?.size ?? 0;
  }

  start(wanted: StartCheck): void {
    const kind = checkKind(wanted.type);
    const runners = this.#byKind.get(kind) ?? new Map<string, CheckRunner>();
    this.#byKind.set(kind, runners);
    runners.get(wanted.checkId)?.stop();
    const runner = this.#create(kind, wanted);
    if (runner === undefined) runners.delete(wanted.checkId);
    else runners.set(wanted.checkId, runner);
  }

  /** Stops every runner of a check. */
  stop(checkId: string): void {
    for (const runners of this.#byKind.values()) {
      runners.get(checkId)?.stop();
      runners.delete(checkId);
    }
  }

  stopAll(): void {
    for (const runners of this.#byKind.values()) for (const runner of runners.values()) runner.stop();
    this.#byKind.clear();
  }

  #create(kind: CheckKind, { checkId, type, token }: StartCheck): CheckRunner | undefined {
    const { io, settings } = this.#deps;
    const configured = settings.checks.outputBytesMax;
    const outputBytesMax = type.OutputMaxSize > 0 ? Math.min(configured, type.OutputMaxSize) : configured;
    switch (kind) {
      case "ttl":
        return new TtlRunner(this.#deps, { checkId, ttlMs: type.TTL / millisecondNs, outputBytesMax });
      case "http":
        return this.#poller(checkId, type, httpPoll(io, type, outputBytesMax));
      case "tcp":
        return this.#poller(checkId, type, tcpPoll(io, type));
      case "script":
        return this.#poller(checkId, type, scriptPoll(io, type, outputBytesMax));
      case "alias":
        return startAlias(this.#deps, { checkId, node: type.AliasNode, serviceId: type.AliasService, token });
      case "docker":
        return this.#poller(checkId, type, dockerPoll(io, type, outputBytesMax));
      case "grpc":
        return this.#poller(checkId, type, grpcPoll(io, type));
      case "udp":
        return this.#poller(checkId, type, udpPoll(io, type));
      case "h2ping":
        return this.#poller(checkId, type, h2pingPoll(io, type));
      case "os_service":
        return this.#poller(checkId, type, osServicePoll(io, type));
      case "":
        return undefined;
      default:
        return kind satisfies never;
    }
  }

  #poller(checkId: string, type: CheckType, poll: Poll): CheckRunner {
    const intervalMs = type.Interval / millisecondNs;
    if (intervalMs < intervalMinMs)
      this.#deps.log.warn("check has interval below minimum", {
        check: checkId,
        minimum_interval: renderDuration(intervalMinMs * millisecondNs),
      });
    const { SuccessBeforePassing, FailuresBeforeWarning, FailuresBeforeCritical } = type;
    const counter = new StatusCounter({
      successBeforePassing: SuccessBeforePassing,
      failuresBeforeWarning: FailuresBeforeWarning === 0 ? FailuresBeforeCritical : FailuresBeforeWarning,
      failuresBeforeCritical: FailuresBeforeCritical,
    });
    return new PollRunner(this.#deps, {
      checkId,
      intervalMs: Math.max(intervalMs, intervalMinMs),
      counter,
      poll,
    });
  }
}
