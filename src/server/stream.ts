/**
 * Streams of changes: all rows of some topics, then every change of them, in the order of the log.
 *
 * A stream is a chain of calls, each of which says where the one before it ended; so nothing is kept for a
 * subscriber between calls, any server can answer the next one, and a subscriber that is slow costs no memory.
 * What many ask for at the same index is found and rendered once.
 */
import type { Authorizer } from "../acl/authorizer.ts";
import { topicEvents, topicRows, watchTopic, type TopicEvent } from "../state/change-events.ts";
import type { StateStore } from "../state/store.ts";
import { WatchSet } from "../state/watch.ts";
import { streamRead } from "../wire/rpc/stream-methods.ts";
import type { StreamEvent, StreamReply, StreamRequest } from "../wire/structs/stream.ts";
import { readMeta } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { parseTopics, seenEvent, type NamedTopic, type SeenEvent } from "./stream-topics.ts";

/** Rows that are rendered before others get their turn. */
const rowsInOneGo = 500;
/** Distinct questions whose answers are kept until the next change. */
const sharedMax = 128;

/** Listings with more text than this are not kept. */
const keptUnitsMax = 1024 * 1024;

/** What all who ask the same get. */
interface Answer {
  readonly seen: readonly SeenEvent[];
  readonly events: readonly StreamEvent[];
}
const nothing: Answer = { seen: [], events: [] };

/** Answers of one store that hold until its next change. */
class SharedAnswers {
  readonly #answers = new Map<string, Promise<Answer> | Answer>();
  #index = -1;
  #epoch = -1;

  get({ changes }: StateStore, key: string, make: () => Promise<Answer> | Answer): Promise<Answer> | Answer {
    if (changes.lastIndex !== this.#index || changes.epoch !== this.#epoch) this.#answers.clear();
    this.#index = changes.lastIndex;
    this.#epoch = changes.epoch;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const made = make();
    if (this.#answers.size >= sharedMax) return made;
    this.#answers.set(key, made);
    // A large listing is shared by those who wait for it together, and then let go. Changes are kept whatever their
    // size: thousands may be about to ask for them, and the log of changes holds them anyway.
    if (made instanceof Promise)
      void made.then(
        (answer) => this.#letGo(key, made, answer),
        () => undefined,
      );
    return made;
  }

  #letGo(key: string, made: Promise<Answer>, { events }: Answer): void {
    let units = 0;
    for (const { Data } of events) units += Data.length;
    if (units > keptUnitsMax && this.#answers.get(key) === made) this.#answers.delete(key);
  }
}

/** A hidden field of each store, as its cache of queries is. */
const sharedAnswers = new WeakMap<StateStore, SharedAnswers>();

function sharedOf(store: StateStore): SharedAnswers {
  const known = sharedAnswers.get(store);
  if (known !== undefined) return known;
  const made = new SharedAnswers();
  sharedAnswers.set(store, made);
  return made;
}

async function read(server: ServerContext, request: StreamRequest, caller: Caller): Promise<StreamReply> {
  const { store, clock } = server;
  const topics = parseTopics(request.Topics ?? []);
  if (!request.Resume) return snapshot(server, { topics, request, caller, isLate: false });
  const { epoch } = store.changes;
  const deadlineMs = clock.monotonicMs() + waitMs(server, request);
  // Everything up to here is known to the caller.
  let from = request.MinQueryIndex;
  for (;;) {
    const answer = changesOf(store, topics, from);
    if (answer === undefined || store.changes.epoch !== epoch)
      return snapshot(server, { topics, request, caller, isLate: true });
    from = Math.max(from, store.changes.lastIndex);
    const events = visible(answer, caller.authorizer);
    const leftMs = deadlineMs - clock.monotonicMs();
    if (events.length > 0 || leftMs <= 0 || caller.signal?.aborted === true) {
      // A caller from the future learns where this server is.
      return reply(server, request, { events, index: Math.max(1, store.changes.lastIndex) });
    }
    const wokenAt = await woken({ server, caller }, topics, leftMs);
    // None of the topics changed before the commit that woke us, however many others did.
    if (wokenAt !== undefined) from = Math.max(from, wokenAt - 1);
  }
}

/** A caller that names no time waits as long as one of a blocking query; less than a millisecond is no wait. */
function waitMs({ settings }: ServerContext, { MaxQueryTime }: StreamRequest): number {
  const asked = MaxQueryTime <= 0 ? settings.defaultQueryTimeMs : Math.floor(MaxQueryTime / 1e6);
  return Math.min(asked, settings.maxQueryTimeMs);
}

function reply(
  server: ServerContext,
  request: StreamRequest,
  { events, index }: { readonly events: readonly StreamEvent[]; readonly index: number },
): StreamReply {
  return { Events: events, Snapshot: false, IsLate: false, ...readMeta(server, request, index) };
}

async function snapshot(
  server: ServerContext,
  {
    topics,
    request,
    caller,
    isLate,
  }: {
    readonly topics: readonly NamedTopic[];
    readonly request: StreamRequest;
    readonly caller: Caller;
    readonly isLate: boolean;
  },
): Promise<StreamReply> {
  const { store } = server;
  const index = Math.max(1, store.changes.lastIndex);
  const answer = await sharedOf(store).get(store, `all ${keyOf(topics)}`, () => allRows(server, topics));
  const meta = readMeta(server, request, index);
  return { Events: visible(answer, caller.authorizer), Snapshot: true, IsLate: isLate, ...meta };
}

/** The rows are those of this moment; rendering them may take longer. */
function allRows(server: ServerContext, topics: readonly NamedTopic[]): Promise<Answer> {
  const rows = topics.flatMap(({ text, topic }) =>
    topicRows(server.store, topic).map((changed) => ({ text, changed })),
  );
  return render(server, rows);
}

async function render(
  { clock }: ServerContext,
  rows: readonly Pick<{ text: NamedTopic["text"]; changed: TopicEvent["changed"] }, "text" | "changed">[],
): Promise<Answer> {
  const seen: SeenEvent[] = [];
  for (const { text, changed } of rows) {
    seen.push(seenEvent({ index: indexOf(changed), changed }, { text, isSnapshot: true }));
    if (seen.length % rowsInOneGo === 0) await new Promise<void>((resolve) => void clock.after(0, resolve));
  }
  return { seen, events: seen.map(({ event }) => event) };
}

/** Where a row was last changed; an instance, as far as its own row tells. */
function indexOf({ kind, row }: TopicEvent["changed"]): number {
  if (row === undefined) return 0;
  return kind === "instance" ? (row.Service?.ModifyIndex ?? 0) : row.ModifyIndex;
}

/** `undefined` if some of the changes are gone. */
function changesOf(store: StateStore, topics: readonly NamedTopic[], from: number): Answer | undefined {
  const { changes } = store;
  if (from >= changes.lastIndex) return nothing;
  const commits = changes.since(from);
  if (commits === undefined) return undefined;
  return sharedOf(store).get(store, `${from} ${keyOf(topics)}`, () => {
    const found = topics.flatMap(({ text, topic }) =>
      topicEvents(store, commits, topic).map((event) => seenEvent(event, { text, isSnapshot: false })),
    );
    if (found.length === 0) return nothing;
    // Of one commit, topics keep their order.
    const seen = found.sort((a, b) => a.event.Index - b.event.Index);
    return { seen, events: seen.map(({ event }) => event) };
  }) as Answer;
}

function keyOf(topics: readonly NamedTopic[]): string {
  return topics.map(({ text }) => text).join("\u0000");
}

/** The list itself where nothing is hidden, so that doors render it once for all who get the same. */
function visible({ seen, events }: Answer, authorizer: Authorizer): readonly StreamEvent[] {
  if (seen.every((one) => one.mayBeSeen(authorizer))) return events;
  return seen.filter((one) => one.mayBeSeen(authorizer)).map(({ event }) => event);
}

/** The index of the commit that touched one of the topics, or `undefined` when time is up or the caller is gone. */
function woken(
  { server, caller }: { readonly server: ServerContext; readonly caller: Caller },
  topics: readonly NamedTopic[],
  leftMs: number,
): Promise<number | undefined> {
  const { store, clock } = server;
  const watch = new WatchSet();
  for (const { topic } of topics) watchTopic(watch, topic);
  return new Promise((resolve) => {
    const end = (index: number | undefined): void => {
      handle[Symbol.dispose]();
      timer[Symbol.dispose]();
      caller.signal?.removeEventListener("abort", stop);
      resolve(index);
    };
    const stop = (): void => end(undefined);
    const handle = store.watches.watch(watch, () => end(store.changes.lastIndex));
    const timer = clock.after(leftMs, stop);
    caller.signal?.addEventListener("abort", stop);
  });
}

export const streamEndpoints: readonly AnyEndpoint[] = [
  endpoint({ method: streamRead, kind: "read", handle: read }),
];
