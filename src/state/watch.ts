/**
 * Who waits for which change.
 *
 * A read notes what it depended on in a `WatchSet`: topics such as `service:web`, and prefixes of KV
 * keys. A commit reports the topics and keys it changed; only the watches that named one of them fire,
 * in O(changed keys × key length), however many others sleep. A watch fires at most once.
 */

/** Dependencies of one read. */
export class WatchSet {
  // Most reads need one of the two, and reads are many.
  #topics: Set<string> | undefined;
  #kvPrefixes: Set<string> | undefined;

  get topics(): ReadonlySet<string> {
    return this.#topics ?? nothing;
  }

  get kvPrefixes(): ReadonlySet<string> {
    return this.#kvPrefixes ?? nothing;
  }

  /** The read depended on this topic. */
  topic(name: string): void {
    (this.#topics ??= new Set()).add(name);
  }

  /** The read depended on every key that starts with `prefix`. */
  kvPrefix(prefix: string): void {
    (this.#kvPrefixes ??= new Set()).add(prefix);
  }
}

const nothing: ReadonlySet<string> = new Set();

type Fire = () => void;

export class WatchRegistry {
  readonly #topics = new Map<string, Set<Fire>>();
  readonly #prefixes = new Map<string, Set<Fire>>();
  /** How many watched prefixes have each length, so that a change looks only at lengths in use. */
  readonly #prefixLengths = new Map<number, number>();

  /** Calls `fire` once, at the next commit that touches the set. Disposing forgets it. */
  watch(set: WatchSet, fire: Fire): Disposable {
    const once = (): void => {
      handle[Symbol.dispose]();
      fire();
    };
    const handle = {
      [Symbol.dispose]: (): void => {
        for (const topic of set.topics) remove(this.#topics, topic, once);
        for (const prefix of set.kvPrefixes) {
          if (remove(this.#prefixes, prefix, once)) this.#countLength(prefix.length, -1);
        }
      },
    };
    for (const topic of set.topics) add(this.#topics, topic, once);
    for (const prefix of set.kvPrefixes) {
      if (add(this.#prefixes, prefix, once)) this.#countLength(prefix.length, 1);
    }
    return handle;
  }

  /** Fires everything that depends on the topics or keys. */
  fire(topics: Iterable<string>, kvKeys: Iterable<string>): void {
    const due = new Set<Fire>();
    for (const topic of topics) collect(this.#topics.get(topic), due);
    if (this.#prefixLengths.size > 0) {
      for (const key of kvKeys) {
        for (const length of this.#prefixLengths.keys()) {
          if (length <= key.length) collect(this.#prefixes.get(key.slice(0, length)), due);
        }
      }
    }
    for (const fire of due) fire();
  }

  /** Fires everything: the whole state was replaced. */
  fireAll(): void {
    const due = new Set<Fire>();
    for (const set of this.#topics.values()) collect(set, due);
    for (const set of this.#prefixes.values()) collect(set, due);
    for (const fire of due) fire();
  }

  /** Watched topics and prefixes, for tests and metrics. */
  get size(): number {
    return this.#topics.size + this.#prefixes.size;
  }

  #countLength(length: number, by: number): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + by;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}

/** Whether this made a new key. */
function add(map: Map<string, Set<Fire>>, key: string, fire: Fire): boolean {
  const set = map.get(key);
  if (set !== undefined) {
    set.add(fire);
    return false;
  }
  map.set(key, new Set([fire]));
  return true;
}

/** Whether this emptied a key. */
function remove(map: Map<string, Set<Fire>>, key: string, fire: Fire): boolean {
  const set = map.get(key);
  if (set === undefined || !set.delete(fire) || set.size > 0) return false;
  map.delete(key);
  return true;
}

function collect(from: Set<Fire> | undefined, into: Set<Fire>): void {
  if (from !== undefined) for (const fire of from) into.add(fire);
}
