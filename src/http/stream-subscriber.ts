/** One subscriber of a stream: asks a server for the next changes again and again, and hears user events. */
import type { UserEvent } from "../agent/events.ts";
import type { Clock } from "../lib/clock.ts";
import { quoteJson } from "../wire/schema/json-text.ts";
import type { StreamEvent, StreamReply, StreamRequest } from "../wire/structs/stream.ts";
import { userEventJson } from "./event-routes.ts";
import { renderShared } from "./rendering.ts";
import { renderEvent, renderHeartbeat } from "./sse.ts";
import { renderPosition, type StreamPosition } from "./stream-position.ts";

const millisecondNs = 1e6;
/** A stream without changes shows a sign of life this often. */
const heartbeatMs = 15_000;
/** A client that took longer than this for a part, and fell behind meanwhile, is too slow. */
const slowMs = 1000;
/** Events of a snapshot that make one part of the answer. */
const eventsInOnePart = 500;

/** What an agent hears. */
export interface HeardEvents {
  list(name: string): readonly UserEvent[];
  watch(fn: () => void): Disposable;
}

export interface SubscriberParts {
  readonly clock: Clock;
  /** Asks a server; `undefined` where only user events are wanted. */
  readonly read: ((options: Partial<StreamRequest>) => Promise<StreamReply>) | undefined;
  /** User events of these names, "" for all; `undefined` where none are wanted. */
  readonly events: { readonly log: HeardEvents; readonly names: ReadonlySet<string> } | undefined;
  /** Where the client was; `undefined` if it was never here. */
  readonly start: StreamPosition | undefined;
  /** The client is gone. */
  readonly signal: AbortSignal;
}

/** What comes next. */
type Next =
  | { readonly kind: "reply"; readonly reply: StreamReply }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "events" }
  | { readonly kind: "time" };

export class StreamSubscriber {
  readonly #parts: SubscriberParts;
  #index: number;
  #event: string;
  /** The call under way. */
  #asking: Promise<Next> | undefined;
  /** This stream has said what it begins with. */
  #begun = false;

  constructor(parts: SubscriberParts) {
    this.#parts = parts;
    this.#index = parts.start?.index ?? 0;
    this.#event = parts.start?.event ?? "";
  }

  /** The first answer, so that a refusal can be one of HTTP. Rejects as `read` does. */
  async begin(): Promise<StreamReply | undefined> {
    const { read, start } = this.#parts;
    if (read === undefined) return undefined;
    // One that resumes is answered at once: it is connected, whether or not something has changed.
    const resumes = start !== undefined && start.index > 0;
    return read(resumes ? { ...this.#resume(), MaxQueryTime: 1 } : { AllowStale: true });
  }

  /** The parts of the answer, made as they are taken. Ends when the client is gone, is too slow, or a server fails. */
  async *parts(first: StreamReply | undefined): AsyncGenerator<string | Uint8Array> {
    const { clock, signal } = this.#parts;
    if (first !== undefined) yield* this.#told(first);
    yield this.#newUserEvents();
    this.#begun = true;
    while (!signal.aborted) {
      const next = await this.#next();
      if (signal.aborted) return;
      const sinceMs = clock.monotonicMs();
      switch (next.kind) {
        case "reply":
          yield* this.#told(next.reply);
          break;
        case "events":
          yield this.#newUserEvents();
          break;
        case "time":
          yield renderHeartbeat(this.#id());
          break;
        case "failed":
          yield renderEvent({ event: "error", data: errorJson(next.error) });
          return;
      }
      const isSlow = clock.monotonicMs() - sinceMs > slowMs;
      if (isSlow && (await this.#isBehind())) {
        yield renderEvent({ event: "error", data: errorJson("the subscriber is too slow") });
        return;
      }
    }
  }

  #id(): string {
    return renderPosition({ index: this.#index, event: this.#event });
  }

  #resume(): Partial<StreamRequest> {
    return { AllowStale: true, Resume: true, MinQueryIndex: Math.max(1, this.#index) };
  }

  /** Whether what follows is gone by now; what is there is kept for the next turn. */
  async #isBehind(): Promise<boolean> {
    if (this.#parts.read === undefined) return false;
    const next = await this.#ask({ MaxQueryTime: 1 });
    if (next.kind === "reply" && next.reply.IsLate) return true;
    this.#asking = Promise.resolve(next);
    return false;
  }

  #ask(options: Partial<StreamRequest>): Promise<Next> {
    const { read } = this.#parts;
    if (read === undefined) return new Promise(() => undefined);
    return read({ ...this.#resume(), MaxQueryTime: heartbeatMs * millisecondNs, ...options }).then(
      (reply) => ({ kind: "reply", reply }),
      (error: unknown) => ({ kind: "failed", error }),
    );
  }

  /** Servers give the signs of life; without one, time does. */
  async #next(): Promise<Next> {
    const { read, events, clock, signal } = this.#parts;
    if (events === undefined) return this.#answer();
    if (this.#unheard().length > 0) return { kind: "events" };
    const ended: (() => void)[] = [];
    const heard = new Promise<Next>((resolve) => {
      const watch = events.log.watch(() => resolve({ kind: "events" }));
      const stop = (): void => resolve({ kind: "time" });
      signal.addEventListener("abort", stop);
      const timer = read === undefined ? clock.after(heartbeatMs, stop) : undefined;
      ended.push(() => {
        watch[Symbol.dispose]();
        timer?.[Symbol.dispose]();
        signal.removeEventListener("abort", stop);
      });
    });
    if (read === undefined) return heard.finally(() => ended.forEach((end) => end()));
    this.#asking ??= this.#ask({});
    const next = await Promise.race([this.#asking, heard]);
    for (const end of ended) end();
    if (next.kind === "reply" || next.kind === "failed") this.#asking = undefined;
    return next;
  }

  #answer(): Promise<Next> {
    const asking = this.#asking ?? this.#ask({});
    this.#asking = undefined;
    return asking;
  }

  /** What a server said, as it goes out. */
  *#told(reply: StreamReply): Generator<string | Uint8Array> {
    const events = reply.Events ?? [];
    if (reply.Snapshot) return yield* this.#snapshot(reply, events);
    if (events.length === 0) {
      // The state was replaced by an older one, or the server is behind: the leader's rows settle it.
      if (reply.Index < this.#index) this.#asking = this.#ask({ AllowStale: false, Resume: false });
      else this.#index = reply.Index;
      return yield renderHeartbeat(this.#id());
    }
    this.#index = events.at(-1)?.Index ?? this.#index;
    const suffix = this.#event === "" ? "" : `~${this.#event}`;
    // Everyone who stands at the same place gets the same bytes.
    yield renderShared(events, suffix, () => renderChanges(events, suffix)).bytes;
    this.#index = Math.max(this.#index, reply.Index);
  }

  *#snapshot(reply: StreamReply, events: readonly StreamEvent[]): Generator<string | Uint8Array> {
    const reset = this.#begun || this.#parts.start !== undefined;
    const about = JSON.stringify({ index: reply.Index, snapshot: true, reset });
    yield renderEvent({ event: "snapshot-begin", data: about });
    for (let at = 0; at < events.length; at += eventsInOnePart) {
      yield events
        .slice(at, at + eventsInOnePart)
        .map(({ Op, Data }) => renderEvent({ event: Op, data: Data }))
        .join("");
    }
    this.#index = reply.Index;
    yield renderEvent({ event: "snapshot-end", data: about, id: this.#id() });
  }

  /** User events after the last that was sent, oldest first; all that are kept if that one is not. */
  #unheard(): readonly UserEvent[] {
    const { events } = this.#parts;
    if (events === undefined) return [];
    const all = events.log.list("");
    const seen = all.findIndex(({ ID }) => ID === this.#event);
    return all.slice(seen + 1).filter(({ Name }) => events.names.has("") || events.names.has(Name));
  }

  #newUserEvents(): string {
    let text = "";
    for (const event of this.#unheard()) {
      this.#event = event.ID;
      const data = `{"op":"put","topic":"events","index":${this.#index},"snapshot":${!this.#begun},"kind":"event","key":${quoteJson(event.ID)},"row":${userEventJson(event)}}`;
      text += renderEvent({ event: "put", data, id: this.#id() });
    }
    return text;
  }
}

/** The last event of each commit carries the id. */
function renderChanges(events: readonly StreamEvent[], suffix: string): string {
  return events
    .map(({ Index, Op, Data }, at) =>
      events[at + 1]?.Index === Index
        ? renderEvent({ event: Op, data: Data })
        : renderEvent({ event: Op, data: Data, id: `${Index}${suffix}` }),
    )
    .join("");
}

function errorJson(error: unknown): string {
  return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
}
