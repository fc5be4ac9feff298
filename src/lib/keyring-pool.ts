/** The encryption keys of a gossip pool, as everything above gossip sees them. Keys in text are base64. */

export type KeyOperationKind = "install" | "use" | "remove" | "list";

/** One operation on every node of a pool. */
export interface KeyringCall {
  readonly operation: KeyOperationKind;
  /** Raw key; empty for `list`. */
  readonly key: Uint8Array;
  /** How many other nodes relay a second copy of each answer: 0…5. */
  readonly relayFactor?: number;
}

/** How a pool fared. */
export interface KeyringAnswer {
  /** What nodes said, by node name. */
  readonly messages: Readonly<Record<string, string>>;
  /** Key → how many nodes have it. */
  readonly keys: Readonly<Record<string, number>>;
  /** Key → how many nodes encrypt with it. */
  readonly primaryKeys: Readonly<Record<string, number>>;
  readonly nodeCount: number;
  readonly responseCount: number;
  readonly failureCount: number;
  /** Why the operation as a whole failed, in the reference's words. */
  readonly problem: string | undefined;
}

export interface KeyringPool {
  /**
   * Settles when every node has answered, or had the time to. Rejects with a `ProconsulError` if it cannot be
   * asked for.
   */
  keyring(call: KeyringCall): Promise<KeyringAnswer>;
}

/** What nodes without encryption say to an operation, in the reference's words. */
export function noKeyring(operation: KeyOperationKind): string {
  return operation === "list"
    ? "Keyring is empty (encryption not enabled)"
    : "No keyring to modify (encryption not enabled)";
}

/** A pool of one node without keys: an agent without gossip, and tests. */
export function soloKeyringPool(nodeName: string): KeyringPool {
  return {
    keyring: ({ operation }) =>
      Promise.resolve({
        messages: { [nodeName]: noKeyring(operation) },
        keys: {},
        primaryKeys: { "": 1 },
        nodeCount: 1,
        responseCount: 1,
        failureCount: 1,
        problem: "1/1 nodes reported failure",
      }),
  };
}
