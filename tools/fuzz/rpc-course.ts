/**
 * The RPC door through one course of events: a client with streams, a server that answers now, later or never, a
 * network that cuts and holds back. As long as nothing was spoiled, every answer must be the right one, in its order.
 */
import { must } from "../../src/lib/assert.ts";
import type { MonotonicMs } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { ManualClock } from "../../src/lib/manual-clock.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { defaultRpcDoorOptions, RpcDoor } from "../../src/rpc/rpc-door.ts";
import { rpcType } from "../../src/rpc/rpc-type.ts";
import { answers, testService } from "../../src/rpc/testing.ts";
import { MsgpackReader } from "../../src/wire/msgpack/reader.ts";
import { MsgpackWriter } from "../../src/wire/msgpack/writer.ts";
import { tryElsewhereText } from "../../src/wire/rpc/error-text.ts";
import { PairReader, readResponseHeader, writeRequest } from "../../src/wire/rpc/framing.ts";
import { method, RpcError } from "../../src/wire/rpc/method.ts";
import { str } from "../../src/wire/schema/scalars.ts";
import { defaultYamuxOptions } from "../../src/wire/yamux/options.ts";
import { YamuxSession } from "../../src/wire/yamux/session.ts";
import type { Choices } from "./choices.ts";
import { NearEnd } from "./near-end.ts";
import { Turns } from "./turns.ts";

const eventsMax = 300;
const streamsMax = 6;
const requestsMax = 3;
const replyBytesMax = 1024 * 1024;
const longMs = 120_000;

const echo = method("Test.Echo", str, str);
const later = method("Test.Later", str, str);
const fail = method("Test.Fail", str, str);
const absent = method("Test.Absent", str, str);

interface Expected {
  readonly seq: number;
  readonly kind: "echo" | "later" | "fail" | "absent";
  readonly text: string;
}

/** One stream as its client sees it. */
interface Stream {
  readonly id: number;
  readonly reader: PairReader;
  readonly expected: Expected[];
  isOver: boolean;
}

export class RpcCourse {
  readonly #choices: Choices;
  readonly #clock = new ManualClock();
  readonly #turns = new Turns();
  readonly #end = new NearEnd();
  readonly #session: YamuxSession | undefined;
  readonly #streams: Stream[] = [];
  readonly #held: { readonly answer: () => void; readonly signal: AbortSignal | undefined }[] = [];
  /** Nothing was spoiled so far, and nobody hung up. */
  #isHonest = true;
  /** The client did not read while time went by. */
  #mayHangUp = false;
  #seq = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
    const door = new RpcDoor(
      {
        service: this.#service(),
        snapshots: {
          save: () => Promise.reject(new RpcError("no")),
          restore: () => Promise.reject(new RpcError("no")),
        },
        clock: this.#clock,
        log: silentLog,
        metrics: noMetrics,
      },
      { ...defaultRpcDoorOptions, requestsPerConnectionMax: requestsMax },
    );
    door.accept(this.#end);
    const first = choices.chance(1, 20)
      ? choices.byte()
      : choices.pick([rpcType.multiplex, rpcType.multiplex, rpcType.single]);
    if (first === rpcType.multiplex)
      this.#session = new YamuxSession("dialler", defaultYamuxOptions, this.#clock.monotonicMs());
    else if (first === rpcType.single) this.#streams.push(newStream(0));
    else this.#isHonest = false;
    this.#end.feed(Uint8Array.of(first), choices);
  }

  /** Throws if something does not hold. */
  run(): void {
    for (let event = 0; event < eventsMax && !this.#choices.isOver; event += 1) {
      this.#event();
      this.#exchange();
    }
    this.#settle();
  }

  get #nowMs(): MonotonicMs {
    return this.#clock.monotonicMs();
  }

  #service(): ReturnType<typeof testService> {
    return testService([
      answers(echo, (text) => Promise.resolve(text)),
      answers(fail, (text) => Promise.reject(new RpcError(text))),
      answers(
        later,
        (text, signal) => new Promise((resolve) => this.#held.push({ answer: () => resolve(text), signal })),
      ),
    ]);
  }

  #event(): void {
    const choices = this.#choices;
    switch (choices.below(14)) {
      case 0:
        return this.#pass(choices.pick([1, 100, 6_000, 31_000]));
      case 1:
      case 2:
        return this.#open();
      case 3:
        return this.#release();
      case 4:
        this.#end.isFull = choices.chance(1, 2);
        return this.#end.isFull ? undefined : this.#end.drain();
      case 5:
        return choices.chance(1, 4) ? this.#spoil() : undefined;
      case 6:
        return this.#leave();
      default:
        return this.#request();
    }
  }

  /** The client's own timers fire too. */
  #pass(ms: number): void {
    this.#mayHangUp ||= this.#end.isFull;
    const stepMs = Math.min(ms, 1_000);
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.#clock.advance(stepMs);
      this.#exchange();
    }
  }

  #open(): void {
    const session = this.#session;
    if (session === undefined || !session.canOpen || this.#streams.length >= streamsMax) return;
    this.#streams.push(newStream(session.open(this.#nowMs)));
  }

  /** A call, and at times one in pieces or one that cannot be read. */
  #request(): void {
    const choices = this.#choices;
    const live = this.#streams.filter(({ isOver }) => !isOver);
    const stream = choices.pick(live);
    if (stream === undefined) return;
    this.#seq += 1;
    const seq = this.#seq;
    const kind = choices.pick(["echo", "echo", "later", "fail", "absent"] as const);
    const text = choices.pick(["", "a", "longer".repeat(20), "x".repeat(5_000), "é"]);
    const writer = new MsgpackWriter();
    writeRequest(writer, { seq, method: { echo, later, fail, absent }[kind], request: text });
    stream.expected.push({ seq, kind, text });
    this.#send(stream, writer.take());
  }

  #send(stream: Stream, bytes: Uint8Array): void {
    if (this.#session === undefined) return this.#end.feed(bytes, this.#choices);
    const cut = this.#choices.below(bytes.length);
    this.#session.write(stream.id, bytes.subarray(0, cut));
    this.#flush();
    this.#session.write(stream.id, bytes.subarray(cut));
  }

  /** What the client's session has to say, on its way. */
  #flush(): void {
    if (this.#session === undefined) return;
    for (const bytes of this.#session.takeOutput()) this.#end.feed(bytes, this.#choices);
  }

  #release(): void {
    const [held] = this.#held.splice(this.#choices.below(Math.max(1, this.#held.length)), 1);
    held?.answer();
  }

  #spoil(): void {
    const choices = this.#choices;
    this.#isHonest = false;
    switch (choices.below(4)) {
      case 0:
        return this.#end.half();
      case 1:
        return this.#end.close(choices.chance(1, 2) ? new Error("reset") : undefined);
      default:
        return this.#end.feed(choices.bytes(1 + choices.below(40)), choices);
    }
  }

  /** The client has enough of a stream. */
  #leave(): void {
    const choices = this.#choices;
    const stream = choices.pick(this.#streams.filter(({ isOver }) => !isOver));
    if (stream === undefined || this.#session === undefined) return;
    stream.isOver = true;
    stream.expected.length = 0;
    if (choices.chance(1, 2)) this.#session.end(stream.id, this.#nowMs);
    else this.#session.reset(stream.id);
  }

  /** Lets everything happen that can, and reads what comes back. */
  #exchange(): void {
    for (let round = 0; round < 40; round += 1) {
      this.#flush();
      this.#turns.run();
      const bytes = this.#end.take();
      if (this.#isHonest && this.#end.isClosed) {
        expect(this.#mayHangUp, "the door does not hang up on who behaves");
        this.#isHonest = false;
      }
      if (bytes.length === 0 && this.#session?.hasOutput !== true) return;
      if (!this.#isHonest) continue;
      if (this.#session === undefined) this.#read(must(this.#streams[0], "one stream it is"), bytes);
      else this.#receive(this.#session, bytes);
    }
  }

  #receive(session: YamuxSession, bytes: Uint8Array): void {
    session.receive(bytes, this.#nowMs);
    session.tick(this.#nowMs);
    for (const event of session.takeEvents()) {
      if (event.kind === "failed") {
        // Who does not read in time is hung up on.
        expect(
          this.#end.isClosed || this.#end.hasEnded || event.problem.length > 0,
          "a session ends with a reason",
        );
        this.#isHonest = false;
        return;
      }
      if (event.kind === "goAway" || event.kind === "opened" || event.kind === "drained") continue;
      const stream = this.#streams.find(({ id }) => id === event.streamId);
      if (stream === undefined) continue;
      if (event.kind === "data") {
        this.#read(stream, event.bytes);
        session.consume(event.streamId, event.bytes.length);
      } else stream.isOver = true;
    }
  }

  #read(stream: Stream, bytes: Uint8Array): void {
    if (stream.isOver) return;
    stream.reader.push(bytes);
    for (let pair = stream.reader.take(); pair !== undefined; pair = stream.reader.take()) {
      const reader = new MsgpackReader(pair);
      const header = readResponseHeader(reader);
      const expected = must(stream.expected.shift(), "every answer has its request");
      const { seq, kind, text } = expected;
      expect(header.Seq === seq, `answer ${header.Seq} in the place of ${seq}`);
      if (kind === "absent") {
        expect(header.Error.startsWith("rpc: can't find"), header.Error);
        stream.isOver = true;
        return;
      }
      if (header.Error === tryElsewhereText) continue;
      const failure = kind === "fail" ? (text === "" ? "unknown error" : text) : "";
      expect(header.Error === failure, `${kind} failed: ${header.Error}`);
      if (kind !== "fail") expect(str.decode(reader) === text, `${kind} answers something else`);
    }
  }

  /** Everything is answered in the end, and who waits is told when nobody listens any more. */
  #settle(): void {
    this.#end.drain();
    this.#exchange();
    for (let round = 0; round < eventsMax && this.#held.length > 0; round += 1) {
      this.#release();
      this.#exchange();
    }
    if (this.#isHonest) {
      for (const { isOver, expected, id } of this.#streams)
        expect(isOver || expected.length === 0, `${expected.length} requests of stream ${id} have no answer`);
    }
    const live = this.#streams.find(({ isOver }) => !isOver);
    if (this.#isHonest && live !== undefined) {
      live.expected.push({ seq: 0, kind: "later", text: "" });
      const writer = new MsgpackWriter();
      writeRequest(writer, { seq: 0, method: later, request: "" });
      this.#send(live, writer.take());
      this.#exchange();
    }
    const waiting = this.#held.splice(0);
    this.#end.close();
    this.#turns.run();
    for (const { signal } of waiting) expect(signal?.aborted === true, "who waits for nobody is told");
    this.#clock.advance(longMs);
    expect(this.#clock.timerCount === 0, `${this.#clock.timerCount} timers are left`);
  }
}

function newStream(id: number): Stream {
  return { id, reader: new PairReader(replyBytesMax), expected: [], isOver: false };
}

function expect(holds: boolean, claim: string): void {
  if (!holds) throw new Error(claim);
}
