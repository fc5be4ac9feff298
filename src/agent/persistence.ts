/** Registrations as the data directory keeps them, in the reference's JSON. */
import type { Log } from "../lib/log.ts";
import type { Infer, JsonObject, JsonValue } from "../wire/schema/codec.ts";
import { field, struct } from "../wire/schema/struct.ts";
import { ptr } from "../wire/schema/collections.ts";
import { bool, str, int } from "../wire/schema/scalars.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { CheckType, NodeService } from "../wire/structs/service.ts";
import type { AgentFileKind, AgentFiles } from "./files.ts";

export const PersistedService = struct("persistedService", {
  Token: str,
  Service: ptr(NodeService),
  Source: str,
  LocallyRegisteredAsSidecar: field(bool, { omitEmptyJson: true }),
});
export type PersistedService = Infer<typeof PersistedService>;

export const PersistedCheck = struct("persistedCheck", {
  Check: ptr(HealthCheck),
  ChkType: ptr(CheckType),
  Token: str,
  Source: str,
});
export type PersistedCheck = Infer<typeof PersistedCheck>;

/** The last word on a TTL check. Expires: unix seconds. */
export const PersistedCheckState = struct("persistedCheckState", {
  CheckID: str,
  Output: str,
  Status: str,
  Expires: int,
});
export type PersistedCheckState = Infer<typeof PersistedCheckState>;

export class Persistence {
  readonly #files: AgentFiles;
  readonly #log: Log;
  /** States on their way to the disk, by check id; the newest of each wins. */
  readonly #states = new Map<string, PersistedCheckState>();
  #writing: Promise<void> | undefined;

  constructor(files: AgentFiles, log: Log) {
    this.#files = files;
    this.#log = log;
  }

  async services(): Promise<readonly PersistedService[]> {
    return this.#load("services", (value) => PersistedService.fromJson(value, ""));
  }

  async checks(): Promise<readonly PersistedCheck[]> {
    return this.#load("checks", (value) => PersistedCheck.fromJson(value, ""));
  }

  async state(checkId: string): Promise<PersistedCheckState | undefined> {
    const text = await this.#files.read("checks/state", checkId);
    if (text === undefined) return undefined;
    try {
      return PersistedCheckState.fromJson(JSON.parse(text) as JsonValue, "");
    } catch {
      await this.#files.remove("checks/state", checkId);
      return undefined;
    }
  }

  saveService(saved: PersistedService): Promise<void> {
    return this.#files.write("services", saved.Service?.ID ?? "", PersistedService.json(saved));
  }

  saveCheck(saved: PersistedCheck): Promise<void> {
    return this.#files.write("checks", saved.Check?.CheckID ?? "", PersistedCheck.json(saved));
  }

  /** Writes behind: a check that is renewed faster than the disk writes costs one write. */
  saveState(state: PersistedCheckState): void {
    this.#states.set(state.CheckID, state);
    this.#writing ??= this.#writeStates().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Settles when every state is on disk. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  forgetService(id: string): Promise<void> {
    return this.#files.remove("services", id);
  }

  async forgetCheck(id: string): Promise<void> {
    this.#states.delete(id);
    await this.#files.remove("checks", id);
    await this.#files.remove("checks/state", id);
  }

  async #writeStates(): Promise<void> {
    await Promise.resolve();
    for (let next = first(this.#states); next !== undefined; next = first(this.#states)) {
      this.#states.delete(next.CheckID);
      try {
        await this.#files.write("checks/state", next.CheckID, PersistedCheckState.json(next));
      } catch (error) {
        this.#log.error("failed persisting check state", { check: next.CheckID, error: String(error) });
      }
    }
  }

  async #load<T>(kind: AgentFileKind, decode: (value: JsonObject) => T): Promise<readonly T[]> {
    const loaded: T[] = [];
    for (const text of await this.#files.list(kind)) {
      try {
        loaded.push(decode(JSON.parse(text) as JsonObject));
      } catch (error) {
        this.#log.error("failed decoding a persisted registration", { kind, error: String(error) });
      }
    }
    return loaded;
  }
}

function first<T>(map: ReadonlyMap<string, T>): T | undefined {
  for (const value of map.values()) return value;
  return undefined;
}
