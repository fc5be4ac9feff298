/** What an agent reports of its process and its host now and then. */
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Metrics } from "../lib/metrics.ts";
import { hostUsage, processUsage } from "../runtime/system-facts.ts";

/** As often as the metrics' intervals end. */
const reportMs = 10_000;

export interface ReportedParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The compatible version. */
  readonly version: string;
}

/** Reports at once and then until disposed. */
export function reportProcess(parts: ReportedParts): Disposable {
  let timer: Disposable;
  const again = (): void => {
    report(parts);
    timer = parts.clock.after(reportMs, again);
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function report({ config, metrics, version }: ReportedParts): void {
  metrics.gauge("version", 1, [
    { name: "version", value: version },
    { name: "pre_release", value: "" },
  ]);
  const { heapBytes, residentBytes, openResources } = processUsage();
  metrics.gauge("runtime.alloc_bytes", heapBytes);
  metrics.gauge("runtime.sys_bytes", residentBytes);
  // What runs at the same time: Go counts goroutines, which there are none of here.
  metrics.gauge("runtime.num_goroutines", openResources);
  if (!config.telemetry.enableHostMetrics) return;
  const { memory, disk, uptimeSeconds } = hostUsage(config.dataDir ?? "/");
  for (const [name, value] of Object.entries(memory)) metrics.gauge(`host.memory.${name}`, value);
  const labels = [{ name: "path", value: config.dataDir ?? "/" }];
  for (const [name, value] of Object.entries(disk)) metrics.gauge(`host.disk.${name}`, value, labels);
  metrics.gauge("host.uptime", uptimeSeconds);
}
