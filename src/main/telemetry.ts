/** The metrics of an agent, and where the configuration sends them. */
import { hostname } from "node:os";
import type { FilterRules } from "../agent/metric-filter.ts";
import { MetricsRegistry } from "../agent/metrics-registry.ts";
import { addressProblem, StatsdSink, type StatsdFlavour, type StatsdParts } from "../agent/statsd-sink.ts";
import type { Config, TelemetryConfig } from "../config/config.ts";
import { ProconsulError } from "../lib/errors.ts";

/** A daemon's address that cannot be used. */
export class TelemetryError extends ProconsulError {
  readonly code = "telemetry";
}

export interface Telemetry extends Disposable {
  readonly registry: MetricsRegistry;
  /** Takes over the filter of another configuration. */
  reload(config: Config): void;
}

const retryBaseMs = 1_000;
const retryMaxMs = 300_000;

/** Opens the registry and the sinks. Rejects where the reference would not start either. */
export async function openTelemetry(parts: StatsdParts, { telemetry }: Config): Promise<Telemetry> {
  const { statsdAddr, statsiteAddr, dogstatsdAddr, prometheusRetentionMs } = telemetry;
  const isSentOn = [statsdAddr, statsiteAddr, dogstatsdAddr, prometheusRetentionMs].some(
    (sink) => sink !== undefined,
  );
  const hostName = hostname();
  const registry = new MetricsRegistry(parts.clock, {
    prefix: telemetry.metricsPrefix,
    filter: filterOf(telemetry),
    // As in the reference: the host is told apart only where metrics of several hosts meet.
    ...(isSentOn && !telemetry.disableHostname ? { gaugeHost: hostName } : {}),
    ...(prometheusRetentionMs === undefined ? {} : { retentionMs: prometheusRetentionMs }),
  });
  const sinks: Disposable[] = [];
  const open = (address: string | undefined, flavour: StatsdFlavour): void => {
    if (address === undefined) return;
    const sink = new StatsdSink(parts, address, flavour);
    sinks.push(sink, registry.addSink(sink));
  };
  open(statsiteAddr, { kind: "statsite" });
  open(statsdAddr, { kind: "statsd" });
  const dogstatsd: StatsdFlavour = { kind: "dogstatsd", tags: telemetry.dogstatsdTags, hostName };
  if (dogstatsdAddr !== undefined) {
    const problem = await addressProblem(parts.net, dogstatsdAddr);
    if (problem === undefined) open(dogstatsdAddr, dogstatsd);
    else if (telemetry.retryFailedConnection && problem.startsWith("lookup ")) {
      sinks.push(retried({ parts, address: dogstatsdAddr, problem }, () => open(dogstatsdAddr, dogstatsd)));
    } else throw new TelemetryError(`failed to initialize telemetry: ${problem}`);
  }
  return {
    registry,
    reload: (next) => registry.setFilter(filterOf(next.telemetry)),
    [Symbol.dispose]: () => {
      for (const sink of sinks) sink[Symbol.dispose]();
    },
  };
}

function filterOf({ allowedPrefixes, blockedPrefixes, filterDefault }: TelemetryConfig): FilterRules {
  return { allowed: allowedPrefixes, blocked: blockedPrefixes, isDefaultAllowed: filterDefault };
}

interface Retried {
  readonly parts: StatsdParts;
  readonly address: string;
  readonly problem: string;
}

/** Tries an address again, ever more rarely, until it is good. */
function retried({ parts, address, problem }: Retried, open: () => void): Disposable {
  const { log, clock, net } = parts;
  let isOver = false;
  let timer: Disposable | undefined;
  const wait = (reason: string, delayMs: number): void => {
    log.warn("failed configure sinks", { error: reason });
    timer = clock.after(delayMs, () => {
      void addressProblem(net, address).then((found) => {
        if (isOver) return;
        if (found === undefined) open();
        else wait(found, Math.min(retryMaxMs, delayMs * 2));
      });
    });
  };
  wait(problem, retryBaseMs);
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}
