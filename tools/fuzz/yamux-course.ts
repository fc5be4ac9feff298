/**
 * Both ends of a yamux session through one course of events, over a wire that delivers when it likes. As long as
 * nothing was spoiled, what is sent arrives, whole and in order, unless its stream was reset, and nobody is sent more
 * than fits.
 */
import { monotonicMs } from "../../src/lib/clock.ts";
import { must } from "../../src/lib/assert.ts";
import { defaultYamuxOptions } from "../../src/wire/yamux/options.ts";
import { YamuxSession, type YamuxEvent } from "../../src/wire/yamux/session.ts";
import type { Choices } from "./choices.ts";

const eventsMax = 400;
const options = { ...defaultYamuxOptions, backlogMax: 3, peerStreamsMax: 5, windowBytes: 64 };
/** Each end may offer as many as the other takes, and hold back its own. */
const openMax = 8;
const stepMs = 5_000;

/** What one end knows of a stream. */
interface Stream {
  sent: number;
  received: number;
  unconsumed: number;
  hasEnded: boolean;
  hasHeardEnd: boolean;
  isOver: boolean;
}

interface End {
  readonly session: YamuxSession;
  readonly streams: Map<number, Stream>;
  /** Bytes on their way to this end. */
  arriving: Uint8Array;
  isWritable: boolean;
}

export class YamuxCourse {
  readonly #choices: Choices;
  readonly #ends: readonly [End, End];
  /** Streams that somebody reset: what was on its way is lost. */
  readonly #reset = new Set<number>();
  #isHonest = true;
  #nowMs = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.#ends = [newEnd("dialler"), newEnd("acceptor")];
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) this.#event();
    this.#settle();
  }

  #event(): void {
    const choices = this.#choices;
    const end = choices.pick(this.#ends);
    switch (choices.below(16)) {
      case 0:
      case 1:
        return this.#open(end);
      case 2:
        return this.#end(end);
      case 3:
        return this.#giveUp(end);
      case 4:
        return this.#pass();
      case 5:
        end.isWritable = !end.isWritable;
        return end.session.setWritable(end.isWritable, this.#now);
      case 6:
        return choices.chance(1, 10) ? end.session.goAway() : undefined;
      case 7:
        return choices.chance(1, 12) ? this.#spoil(end) : undefined;
      case 8:
      case 9:
        return this.#consume(end, choices.below(70));
      case 10:
      case 11:
      case 12:
        return this.#deliver(end, choices.below(120));
      default:
        return this.#write(end);
    }
  }

  get #now(): ReturnType<typeof monotonicMs> {
    return monotonicMs(this.#nowMs);
  }

  #other(end: End): End {
    return end === this.#ends[0] ? this.#ends[1] : this.#ends[0];
  }

  #anyStream(end: End): [number, Stream] | undefined {
    return this.#choices.pick([...end.streams].filter(([, { isOver }]) => !isOver));
  }

  #open(end: End): void {
    if (!end.session.canOpen || end.session.streamCount >= openMax) return;
    end.streams.set(end.session.open(this.#now), newStream());
  }

  #write(end: End): void {
    const [id, stream] = this.#anyStream(end) ?? [];
    if (id === undefined || stream === undefined || stream.hasEnded) return;
    const count = 1 + this.#choices.below(50);
    end.session.write(
      id,
      Uint8Array.from({ length: count }, (_, at) => byteAt(id, stream.sent + at)),
    );
    stream.sent += count;
  }

  #end(end: End): void {
    const [id, stream] = this.#anyStream(end) ?? [];
    if (id === undefined || stream === undefined) return;
    stream.hasEnded = true;
    end.session.end(id, this.#now);
  }

  #giveUp(end: End): void {
    const [id, stream] = this.#anyStream(end) ?? [];
    if (id === undefined || stream === undefined || !this.#choices.chance(1, 3)) return;
    this.#reset.add(id);
    stream.isOver = true;
    end.session.reset(id);
  }

  #consume(end: End, count: number): void {
    const [id, stream] = this.#anyStream(end) ?? [];
    if (id === undefined || stream === undefined) return;
    const taken = Math.min(count, stream.unconsumed);
    stream.unconsumed -= taken;
    end.session.consume(id, taken);
  }

  #spoil(end: End): void {
    this.#isHonest = false;
    end.arriving = joined([end.arriving, this.#choices.bytes(1 + this.#choices.below(30))]);
  }

  /** Time passes, but never so long that a ping stays unanswered. */
  #pass(): void {
    this.#nowMs += stepMs;
    for (const end of this.#ends) end.session.tick(this.#now);
    for (let round = 0; round < 3; round += 1) for (const end of this.#ends) this.#deliver(end, Infinity);
  }

  #deliver(end: End, count: number): void {
    const other = this.#other(end);
    end.arriving = joined([end.arriving, ...other.session.takeOutput()]);
    const part = end.arriving.slice(0, Math.min(count, end.arriving.length));
    end.arriving = end.arriving.slice(part.length);
    end.session.receive(part, this.#now);
    for (const event of end.session.takeEvents()) this.#hear(end, event);
    expect(end.session.streamCount <= openMax + options.peerStreamsMax, "streams are bounded");
  }

  #hear(end: End, event: YamuxEvent): void {
    if (event.kind === "failed") {
      expect(!this.#isHonest, `the session failed: ${event.problem}`);
      for (const stream of end.streams.values()) stream.isOver = true;
      return;
    }
    if (event.kind === "goAway") return;
    if (event.kind === "opened") return this.#offered(end, event.streamId);
    const stream = end.streams.get(event.streamId);
    if (stream === undefined || stream.isOver)
      return expect(!this.#isHonest || stream !== undefined, "events are of streams that are known");
    if (event.kind === "data") this.#data(event, stream);
    else if (event.kind === "ended") stream.hasHeardEnd = true;
    else if (event.kind === "closed") {
      stream.isOver = true;
      if (event.isReset) this.#reset.add(event.streamId);
    }
  }

  #offered(end: End, id: number): void {
    end.streams.set(id, newStream());
    if (!this.#choices.chance(1, 8)) return end.session.accept(id);
    this.#reset.add(id);
    must(end.streams.get(id), "it was just put there").isOver = true;
    end.session.reset(id);
  }

  #data({ streamId, bytes }: Extract<YamuxEvent, { kind: "data" }>, stream: Stream): void {
    expect(!stream.hasHeardEnd, "nothing comes behind the end");
    for (const byte of bytes) {
      expect(!this.#isHonest || byte === byteAt(streamId, stream.received), "bytes come in their order");
      stream.received += 1;
    }
    stream.unconsumed += bytes.length;
    expect(
      stream.unconsumed <= options.windowBytes,
      `${stream.unconsumed} bytes came where ${options.windowBytes} fit`,
    );
  }

  /** Everybody reads: what was sent and not reset is there, and streams that both have ended are gone. */
  #settle(): void {
    for (const end of this.#ends) end.session.setWritable(true, this.#now);
    for (let round = 0; round < 2 * eventsMax; round += 1) {
      for (const end of this.#ends) {
        this.#deliver(end, Infinity);
        for (const [id, stream] of end.streams) {
          if (stream.unconsumed === 0) continue;
          end.session.consume(id, stream.unconsumed);
          stream.unconsumed = 0;
        }
      }
      if (this.#ends.every(({ session, arriving }) => !session.hasOutput && arriving.length === 0)) break;
    }
    if (!this.#isHonest) return;
    for (const end of this.#ends) {
      const other = this.#other(end);
      for (const [id, stream] of end.streams) {
        if (this.#reset.has(id)) continue;
        const far = other.streams.get(id);
        // Those that wait for their turn have sent nothing yet.
        if (far === undefined) continue;
        expect(far.received === stream.sent, `${far.received} of ${stream.sent} bytes of stream ${id} came`);
        expect(far.hasHeardEnd === stream.hasEnded, `the end of stream ${id}`);
        expect(
          stream.isOver === (stream.hasEnded && far.hasEnded),
          `stream ${id} is over when both have ended it`,
        );
      }
    }
  }
}

function newEnd(role: "dialler" | "acceptor"): End {
  const session = new YamuxSession(role, options, monotonicMs(0));
  return { session, streams: new Map(), arriving: new Uint8Array(0), isWritable: true };
}

function newStream(): Stream {
  return { sent: 0, received: 0, unconsumed: 0, hasEnded: false, hasHeardEnd: false, isOver: false };
}

function byteAt(id: number, place: number): number {
  return (id * 31 + place * 7) & 255;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
