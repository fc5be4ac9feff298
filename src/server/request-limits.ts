/**
 * Limits on how many calls a server answers a second: reads and writes apart, the same for every caller.
 *
 * They are for calls that come over the network; what a server's own agent asks of it is not limited, as in the
 * reference.
 *
 * Source: the reference's agent/consul/rate; which methods count as what is its table. Clients match on the texts.
 */
import type { Clock } from "../lib/clock.ts";
import { ProconsulError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { RpcService } from "../rpc/service.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import { tryElsewhereText, tryLaterText } from "../wire/rpc/error-text.ts";

/** A call over a limit. Another server may take it, unless only the leader can. */
export class RateLimitedError extends ProconsulError {
  readonly code = "rate-limited";
}

export interface RequestLimits {
  /** `permissive`: calls over a limit are reported and answered. */
  readonly mode: "disabled" | "permissive" | "enforcing";
  /** Calls a second; `undefined`: no limit. */
  readonly readRate: number | undefined;
  readonly writeRate: number | undefined;
}

/** So many times a second's calls may come at once. */
const burstSeconds = 10;

const writes: ReadonlySet<string> = new Set(
  [
    "ACL.AuthMethodDelete ACL.AuthMethodSet ACL.BindingRuleDelete ACL.BindingRuleSet ACL.Login ACL.Logout",
    "ACL.PolicyDelete ACL.PolicySet ACL.RoleDelete ACL.RoleSet ACL.TokenDelete ACL.TokenSet AutoEncrypt.Sign",
    "Catalog.Deregister Catalog.Register ConfigEntry.Apply ConfigEntry.Delete ConnectCA.ConfigurationSet",
    "ConnectCA.Sign ConnectCA.SignIntermediate Coordinate.Update FederationState.Apply FederationState.Delete",
    "Intention.Apply Internal.EventFire KVS.Apply PreparedQuery.Apply Session.Apply Session.Renew Txn.Apply",
  ].flatMap((line) => line.split(" ")),
);

type Operation = "read" | "write" | "exempt";

function operationOf(method: string): Operation {
  if (writes.has(method)) return "write";
  // Whoever has to look after an overloaded cluster must get through.
  return method.startsWith("Operator.") || method.startsWith("Status.") ? "exempt" : "read";
}

export interface LimiterParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  isLeader(): boolean;
}

export class RequestLimiter {
  readonly #parts: LimiterParts;
  readonly #buckets: Readonly<Record<"read" | "write", TokenBucket>>;
  #mode: RequestLimits["mode"];

  constructor(parts: LimiterParts, limits: RequestLimits) {
    this.#parts = parts;
    this.#mode = limits.mode;
    this.#buckets = {
      read: new TokenBucket(bucketOptions(limits.readRate)),
      write: new TokenBucket(bucketOptions(limits.writeRate)),
    };
  }

  get isOn(): boolean {
    return this.#mode !== "disabled";
  }

  configure(limits: RequestLimits): void {
    this.#mode = limits.mode;
    this.#buckets.read.configure(bucketOptions(limits.readRate));
    this.#buckets.write.configure(bucketOptions(limits.writeRate));
  }

  /** Counts a call. Throws `RateLimitedError` if it may not be answered. */
  admit(method: string): void {
    if (!this.isOn) return;
    const operation = operationOf(method);
    if (operation === "exempt" || this.#buckets[operation].take(this.#parts.clock.monotonicMs())) return;
    const { log, metrics } = this.#parts;
    const type = `global/${operation}`;
    log.debug("RPC exceeded allowed rate limit", {
      rpc: method,
      limit_type: type,
      limit_enforced: this.#mode === "enforcing",
    });
    metrics.count("rpc.rate_limit.exceeded", 1, [
      { name: "limit_type", value: type },
      { name: "op", value: method },
      { name: "mode", value: this.#mode },
    ]);
    if (this.#mode !== "enforcing") return;
    const isLeadersWork = operation === "write" && this.#parts.isLeader();
    throw new RateLimitedError(isLeadersWork ? tryLaterText : tryElsewhereText);
  }
}

/** The server as its RPC door sees it: calls over the limits are refused. */
export function limitedService(service: RpcService, limiter: RequestLimiter): RpcService {
  return {
    methodNamed: (name) => service.methodNamed(name),
    hasService: (name) => service.hasService(name),
    call: async (method, request, signal) => {
      limiter.admit(method.name);
      return service.call(method, request, signal);
    },
  };
}

function bucketOptions(rate: number | undefined): { rate: number | undefined; burst: number } {
  return { rate, burst: Math.floor(rate ?? 0) * burstSeconds };
}
