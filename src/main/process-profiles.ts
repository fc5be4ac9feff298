/** Profiles of an agent's process, for as long as its configuration shows them. */
import type { Config } from "../config/config.ts";
import type { ProfileSource } from "../http/profile-routes.ts";
import type { Clock } from "../lib/clock.ts";
import type { Profiler } from "../runtime/profiler.ts";

export class ProcessProfiles implements ProfileSource {
  readonly commandLine: readonly string[] = process.argv;
  readonly #clock: Clock;
  #isOn: boolean;
  #profiler: Promise<Profiler> | undefined;

  constructor(config: Config, clock: Clock) {
    this.#isOn = config.debug;
    this.#clock = clock;
  }

  /** Takes over `enable_debug`. */
  reload(config: Config): void {
    this.#isOn = config.debug;
  }

  isOn(): boolean {
    return this.#isOn;
  }

  async cpu(durationMs: number, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#open()).cpu(durationMs, signal);
  }

  async heap(): Promise<Uint8Array> {
    return (await this.#open()).heap();
  }

  async tasks(): Promise<Uint8Array> {
    return (await this.#open()).tasks();
  }

  /** Loaded when somebody asks: hardly any agent is ever measured. */
  #open(): Promise<Profiler> {
    this.#profiler ??= import("../runtime/profiler.ts").then(({ createProfiler }) =>
      createProfiler(this.#clock),
    );
    return this.#profiler;
  }
}
