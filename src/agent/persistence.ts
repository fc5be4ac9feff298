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

interface SavedState {
  readonly state: PersistedCheckState;
  readonly written: Promise<void>;
}

export class Persistence {
  readonly #files: AgentFiles;
  readonly #log: Log;
  /** The last state of each check, by its id: a renewal within the same second says nothing new. */
  readonly #last = new Map<string, SavedState>();
  readonly #writing = new Set<Promise<void>>();

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

  /**
   * Settles when the state is in its file, not flushed to the disk, as in the reference; or when that failed, which
   * is logged. States that follow each other quickly cost one write.
   */
  saveState(state: PersistedCheckState): Promise<void> {
    const last = this.#last.get(state.CheckID);
    if (last !== undefined && sameState(last.state, state)) return last.written;
    const written = this.#writeState(state);
    this.#last.set(state.CheckID, { state, written });
    this.#writing.add(written);
    void written.finally(() => this.#writing.delete(written));
    return written;
  }

  /** Settles when every state is in its file. */
  async flush(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  forgetService(id: string): Promise<void> {
    return this.#files.remove("services", id);
  }

  async forgetCheck(id: string): Promise<void> {
    this.#last.delete(id);
    await Promise.all([this.#files.remove("checks", id), this.#files.remove("checks/state", id)]);
  }

  async #writeState(state: PersistedCheckState): Promise<void> {
    try {
      await this.#files.writeSoft("checks/state", state.CheckID, PersistedCheckState.json(state));
    } catch (error) {
      if (this.#last.get(state.CheckID)?.state === state) this.#last.delete(state.CheckID);
      this.#log.error("failed persisting check state", { check: state.CheckID, error: String(error) });
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

function sameState(a: PersistedCheckState, b: PersistedCheckState): boolean {
  return a.Status === b.Status && a.Output === b.Output && a.Expires === b.Expires;
}
