/**
 * A check that follows another service: of this agent by listening, of another node by a blocking query.
 *
 * Node checks count too, the alias itself included, as in the reference.
 */
import { catalogNodeServices, healthNodeChecks } from "../wire/rpc/methods.ts";
import type { HealthCheck } from "../wire/structs/catalog.ts";
import { NodeSpecificRequest } from "../wire/structs/common.ts";
import type { CheckRunner, RunnerDeps } from "./runner.ts";

/** Local state is looked at again this often, whatever was heard. */
const refreshMs = 60_000;
const retryMs = 1_000;
const retryMaxMs = 60_000;
const queryTimeNs = 60e9;
/** How far behind the leader an answer may be. */
const staleMaxNs = 15e9;

export interface AliasOptions {
  readonly checkId: string;
  /** "" means this agent. */
  readonly node: string;
  /** "" means the node itself. */
  readonly serviceId: string;
  readonly token: string;
}

/** Begins to follow. */
export function startAlias(deps: RunnerDeps, options: AliasOptions): CheckRunner {
  return options.node === "" ? new LocalAlias(deps, options) : new RemoteAlias(deps, options);
}

class LocalAlias implements CheckRunner {
  readonly #deps: RunnerDeps;
  readonly #options: AliasOptions;
  readonly #watch: Disposable;
  #timer: Disposable;
  #stopped = false;
  #pending = false;

  constructor(deps: RunnerDeps, options: AliasOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#watch = deps.state.watchService(options.serviceId, () => this.#soon());
    this.#timer = deps.clock.after(0, () => this.#look());
  }

  stop(): void {
    this.#stopped = true;
    this.#watch[Symbol.dispose]();
    this.#timer[Symbol.dispose]();
  }

  /** Outside the change that was heard, and once for several of them. */
  #soon(): void {
    if (this.#pending || this.#stopped) return;
    this.#pending = true;
    this.#timer[Symbol.dispose]();
    this.#timer = this.#deps.clock.after(0, () => this.#look());
  }

  #look(): void {
    this.#pending = false;
    if (this.#stopped) return;
    const { state, clock } = this.#deps;
    const { serviceId, checkId } = this.#options;
    const exists = state.service(serviceId) !== undefined;
    const result = aliasStatus(state.checksOf(serviceId, true), { serviceId, node: "", exists });
    this.#timer = clock.after(refreshMs, () => this.#look());
    state.updateCheck(checkId, result.status, result.output);
  }
}

class RemoteAlias implements CheckRunner {
  readonly #deps: RunnerDeps;
  readonly #options: AliasOptions;
  readonly #abort = new AbortController();
  #timer: Disposable;
  #index = 0;
  #failures = 0;

  constructor(deps: RunnerDeps, options: AliasOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#timer = deps.clock.after(0, () => void this.#query());
  }

  stop(): void {
    this.#abort.abort();
    this.#timer[Symbol.dispose]();
  }

  async #query(): Promise<void> {
    const { rpc, datacenter, state, clock } = this.#deps;
    const { checkId, node, serviceId, token } = this.#options;
    const request = NodeSpecificRequest.make({
      Datacenter: datacenter,
      Node: node,
      MinQueryIndex: this.#index,
      MaxQueryTime: queryTimeNs,
      AllowStale: true,
      MaxStaleDuration: staleMaxNs,
      Token: token,
    });
    let delayMs = 0;
    try {
      const reply = await rpc.call(healthNodeChecks, request, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      this.#failures = 0;
      // Never 0: a server that gives no index would be asked again without a pause.
      this.#index = reply.Index < this.#index ? 1 : Math.max(1, reply.Index);
      const checks = reply.HealthChecks ?? [];
      const hasChecks = checks.some((check) => check.ServiceID === serviceId);
      const exists = hasChecks || (await this.#exists());
      if (this.#abort.signal.aborted) return;
      const result = aliasStatus(checks, { serviceId, node, exists });
      state.updateCheck(checkId, result.status, result.output);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failures += 1;
      delayMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(this.#failures - 1, 6));
      if (this.#failures > 1) {
        const reason = error instanceof Error ? error.message : String(error);
        state.updateCheck(checkId, "critical", `Failure checking aliased node or service: ${reason}`);
      }
    }
    this.#timer = clock.after(delayMs, () => void this.#query());
  }

  /** Whether the node has the service, which needs no check of its own. Who cannot tell assumes that it has. */
  async #exists(): Promise<boolean> {
    const { rpc, datacenter } = this.#deps;
    const { node, serviceId, token } = this.#options;
    try {
      const request = NodeSpecificRequest.make({
        Datacenter: datacenter,
        Node: node,
        AllowStale: true,
        MaxStaleDuration: staleMaxNs,
        Token: token,
      });
      const reply = await rpc.call(catalogNodeServices, request, this.#abort.signal);
      return Object.values(reply.NodeServices?.Services ?? {}).some((service) => service?.ID === serviceId);
    } catch {
      return true; // The query that brought us here reports failures.
    }
  }
}

/** The status that an alias takes over from the checks it follows. */
export function aliasStatus(
  checks: readonly HealthCheck[],
  target: { readonly serviceId: string; readonly node: string; readonly exists: boolean },
): { readonly status: string; readonly output: string } {
  let status = "passing";
  let output = "No checks found.";
  let found = false;
  for (const check of checks) {
    if (target.node !== "" && target.node.toLowerCase() !== check.Node.toLowerCase()) continue;
    const own = check.ServiceID === target.serviceId;
    if (check.ServiceID !== "" && !own) continue;
    found ||= own;
    if (check.Status === "critical" || check.Status === "warning") {
      status = check.Status;
      output = `Aliased check ${JSON.stringify(check.Name)} failing: ${check.Output}`;
      if (check.Status === "critical") break;
    } else if (status === "passing") output = "All checks passing.";
  }
  if (found || target.exists) return { status, output };
  return {
    status: "critical",
    output: `Service ${target.serviceId} could not be found on node ${target.node}`,
  };
}
