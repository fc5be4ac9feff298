/**
 * This node's keys: changed one operation at a time, kept in a file before a change counts as done.
 *
 * Failures are told in the reference's words, since its command shows them.
 */
import type { KeyOperationKind } from "../../lib/keyring-pool.ts";
import { unreachable } from "../../lib/assert.ts";
import { toBase64 } from "../../wire/schema/base64.ts";
import { renderKeyringFile, type Keyring, type KeyringChange } from "../../wire/gossip/keyring.ts";
import type { KeyOperationResult } from "../core/serf-effects.ts";
import type { KeyringFile } from "./gossip-files.ts";
import { textOf } from "./network-text.ts";

export class KeyringHolder {
  #keyring: Keyring | undefined;
  readonly #file: KeyringFile | undefined;
  /** Writes of the file follow each other. */
  #writing: Promise<void> = Promise.resolve();

  /** Without a file, changes are forgotten at the end of the process. */
  constructor(keyring: Keyring | undefined, file: KeyringFile | undefined) {
    this.#keyring = keyring;
    this.#file = file;
  }

  /** What packets are encrypted with from here on; `undefined`: nothing is encrypted, ever. */
  get keyring(): Keyring | undefined {
    return this.#keyring;
  }

  /** Carries out one operation. New keys hold at once, even if the file then cannot be written. Never rejects. */
  async operate(operation: KeyOperationKind, key: Uint8Array): Promise<KeyOperationResult> {
    const ring = this.#keyring;
    if (operation === "list") {
      if (ring === undefined) return failed("Keyring is empty (encryption not enabled)");
      return { problem: "", keys: ring.toBase64(), primaryKey: toBase64(ring.primary) };
    }
    if (ring === undefined) return failed("No keyring to modify (encryption not enabled)");
    const change = changed(ring, operation, key);
    if (change.kind === "refused") return failed(change.text);
    if (change.kind === "changed") this.#keyring = change.keyring;
    try {
      await this.#write();
    } catch (error) {
      return failed(textOf(error));
    }
    return { problem: "", keys: [], primaryKey: "" };
  }

  #write(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return Promise.resolve();
    const next = this.#writing.then(async () => {
      const ring = this.#keyring;
      if (ring !== undefined) await file.write(renderKeyringFile(ring));
    });
    // A failed write is its caller's to report; the next one writes all keys again.
    this.#writing = next.catch(() => undefined);
    return next;
  }
}

function failed(problem: string): KeyOperationResult {
  return { problem, keys: [], primaryKey: "" };
}

function changed(ring: Keyring, operation: "install" | "use" | "remove", key: Uint8Array): KeyringChange {
  switch (operation) {
    case "install":
      return ring.install(key);
    case "use":
      return ring.use(key);
    case "remove":
      return ring.remove(key);
    default:
      return unreachable(operation);
  }
}
