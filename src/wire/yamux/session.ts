/**
 * A yamux session without I/O: many streams over one ordered stream of bytes.
 *
 * The driver hands in bytes, the time and its wishes (`open`, `write`, `end`, …), and afterwards takes
 * `takeOutput()` for the socket and `takeEvents()` for the streams' owners. When `failed` is among the events
 * the output is the last; the connection is to be closed behind it.
 *
 * Rules: a sender never exceeds the peer's window; a receiver gives back when half a window was consumed;
 * each side sends FIN once; exceeding the window, a second FIN, a stream opened twice and an unknown frame
 * end the session; frames of unknown streams are dropped, since a reset crosses what was under way.
 * Source: protocol reference, RPC section 2, "tested" where it says so.
 */
import { assert, must } from "../../lib/assert.ts";
import type { MonotonicMs } from "../../lib/clock.ts";
import {
  encodeFrame,
  FrameDecoder,
  frameFlag,
  frameHeaderBytes,
  frameType,
  goAwayReason,
  writeFrameHeader,
  type FrameHeader,
} from "./frame.ts";
import type { YamuxOptions } from "./options.ts";
import { StreamState } from "./stream-state.ts";

/** Ids beyond this are not given out; the session is then used up. */
const streamIdMax = 0xffff_fffd;

/** What happened, in order. */
export type YamuxEvent =
  /** The peer opened a stream: accept it, or reset it. */
  | { readonly kind: "opened"; readonly streamId: number }
  /** Bytes of the peer; `consume` them when they have been dealt with. */
  | { readonly kind: "data"; readonly streamId: number; readonly bytes: Uint8Array }
  /** The peer sends no more on this stream. */
  | { readonly kind: "ended"; readonly streamId: number }
  /** The stream is over: both sides ended it, or it was reset by the peer or by a time limit. */
  | { readonly kind: "closed"; readonly streamId: number; readonly isReset: boolean }
  /** Everything written to the stream has left the session. */
  | { readonly kind: "drained"; readonly streamId: number }
  /** The peer wants no new streams. */
  | { readonly kind: "goAway" }
  /** The session is over, and every stream with it; those are not reported one by one. */
  | { readonly kind: "failed"; readonly problem: string };

export class YamuxSession {
  readonly #options: YamuxOptions;
  readonly #decoder = new FrameDecoder();
  readonly #streams = new Map<number, StreamState>();
  /** Opened here and held back until the peer has acknowledged earlier ones. */
  readonly #queued: StreamState[] = [];
  #nextId: number;
  #peerStreamCount = 0;
  #offeredCount = 0;
  #announcedCount = 0;
  #output: Uint8Array[] = [];
  #events: YamuxEvent[] = [];
  /** The stream of the payload under way; `undefined`: it is dropped. */
  #receiving: StreamState | undefined;
  /** That payload is the last of its stream. */
  #isLastPayload = false;
  #isWritable = true;
  #isOver = false;
  #peerIsGoing = false;
  #isGoing = false;
  #pingId = 0;
  #pingSentMs: MonotonicMs | undefined;
  #nextPingMs: number;

  /** The dialler opens odd streams, the acceptor even ones. */
  constructor(role: "dialler" | "acceptor", options: YamuxOptions, nowMs: MonotonicMs) {
    this.#options = options;
    this.#nextId = role === "dialler" ? 1 : 2;
    this.#nextPingMs = nowMs + options.keepAliveIntervalMs;
  }

  /** Whether `open` may be called. */
  get canOpen(): boolean {
    return !this.#isOver && !this.#peerIsGoing && this.#nextId <= streamIdMax;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get hasOutput(): boolean {
    return this.#output.length > 0;
  }

  /** When `tick` next has something to do. */
  get wakeAtMs(): number {
    return this.#pingSentMs === undefined
      ? this.#nextPingMs
      : Math.min(this.#nextPingMs, this.#pingSentMs + this.#options.pingTimeoutMs);
  }

  /** Bytes for the socket, in order; the caller's to keep. */
  takeOutput(): readonly Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  takeEvents(): readonly YamuxEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  /** Opens a stream and answers its id. It may be written to at once. Only while `canOpen`. */
  open(nowMs: MonotonicMs): number {
    assert(this.canOpen, "streams are opened on a session that takes them");
    // A peer may have used an id of our parity.
    while (this.#streams.has(this.#nextId)) this.#nextId += 2;
    const stream = new StreamState(this.#nextId, "queued", this.#options.windowBytes);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    if (this.#announcedCount < this.#options.backlogMax) this.#announce(stream, nowMs);
    else this.#queued.push(stream);
    return stream.id;
  }

  /** Takes a stream that the peer opened. */
  accept(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream?.phase !== "offered") return;
    stream.phase = "established";
    this.#offeredCount -= 1;
    this.#control({ type: frameType.windowUpdate, flags: frameFlag.ack, streamId, length: 0 });
    this.#pump(stream);
  }

  /** Sends bytes, or keeps them until the peer's window and the socket allow; drops them if the stream has ended. */
  write(streamId: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.wantsEnd) return;
    stream.push(bytes);
    this.#pump(stream);
  }

  /**
   * Like `write`, for bytes that begin with `frameHeaderBytes` of room: usually they leave as they are, with
   * the frame's header put into the room. They belong to the session from here on.
   */
  writeWithRoom(streamId: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.wantsEnd) return;
    const length = bytes.length - frameHeaderBytes;
    assert(length > 0, "a frame with room carries something");
    if (!this.#maySend(stream) || stream.pendingBytes > 0 || length > stream.sendWindow) {
      stream.push(bytes.subarray(frameHeaderBytes));
      this.#pump(stream);
      return;
    }
    stream.sendWindow -= length;
    writeFrameHeader(bytes, { type: frameType.data, flags: 0, streamId, length });
    this.#output.push(bytes);
  }

  /** Bytes written to the stream that are still here. */
  pendingBytes(streamId: number): number {
    return this.#streams.get(streamId)?.pendingBytes ?? 0;
  }

  /** The owner has dealt with `byteCount` bytes of the peer's: its window grows again. */
  consume(streamId: number, byteCount: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.finReceived) return;
    stream.consumedBytes += byteCount;
    const { windowBytes } = this.#options;
    assert(stream.receiveWindow + stream.consumedBytes <= windowBytes, "a stream consumes what it received");
    if (stream.consumedBytes < windowBytes / 2) return;
    const length = stream.consumedBytes;
    stream.receiveWindow += length;
    stream.consumedBytes = 0;
    this.#control({ type: frameType.windowUpdate, flags: 0, streamId, length });
  }

  /** Ends this side of the stream after what was written. */
  end(streamId: number, nowMs: MonotonicMs): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.wantsEnd) return;
    stream.wantsEnd = true;
    stream.endedMs = nowMs;
    this.#pump(stream);
  }

  /** Gives the stream up, both ways, at once. */
  reset(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const wasAnnounced = stream.phase !== "queued";
    this.#remove(stream);
    if (wasAnnounced) this.#sendReset(streamId);
  }

  /** Asks the peer to open no more streams, and refuses those it opens all the same. */
  goAway(): void {
    if (this.#isGoing || this.#isOver) return;
    this.#isGoing = true;
    this.#control({ type: frameType.goAway, flags: 0, streamId: 0, length: goAwayReason.normal });
  }

  /** Whether the socket takes more. While it does not, data waits in its streams. */
  setWritable(isWritable: boolean, nowMs: MonotonicMs): void {
    this.#isWritable = isWritable;
    if (!isWritable || this.#isOver) return;
    for (const stream of this.#streams.values()) {
      if (stream.pendingBytes > 0 || (stream.wantsEnd && !stream.finSent)) this.#pump(stream);
    }
    this.#announceQueued(nowMs);
  }

  /** Keeps the session alive and gives up what takes too long. To be called at `wakeAtMs`. */
  tick(nowMs: MonotonicMs): void {
    if (this.#isOver) return;
    const { pingTimeoutMs, keepAliveIntervalMs, openTimeoutMs, closeTimeoutMs } = this.#options;
    if (this.#pingSentMs !== undefined && nowMs - this.#pingSentMs >= pingTimeoutMs) {
      return this.#fail("keepalive timeout", undefined);
    }
    if (nowMs < this.#nextPingMs) return;
    this.#nextPingMs = nowMs + keepAliveIntervalMs;
    this.#pingId = (this.#pingId + 1) >>> 0;
    this.#pingSentMs ??= nowMs;
    this.#control({ type: frameType.ping, flags: frameFlag.syn, streamId: 0, length: this.#pingId });
    for (const stream of this.#streams.values()) {
      if (stream.announcedMs !== undefined && nowMs - stream.announcedMs >= openTimeoutMs) {
        return this.#fail("a stream was not acknowledged in time", undefined);
      }
      if (stream.endedMs !== undefined && nowMs - stream.endedMs >= closeTimeoutMs) {
        this.reset(stream.id);
        this.#events.push({ kind: "closed", streamId: stream.id, isReset: true });
      }
    }
  }

  /** Takes the peer's bytes; views of them go out with the events. */
  receive(bytes: Uint8Array, nowMs: MonotonicMs): void {
    if (this.#isOver) return;
    this.#decoder.feed(bytes);
    for (let part = this.#decoder.next(); part !== undefined; part = this.#decoder.next()) {
      if (part.kind === "invalid") return this.#fail(part.problem, goAwayReason.protocolError);
      if (part.kind === "payload") this.#payload(part.bytes);
      else this.#frame(part.header, nowMs);
      if (this.#isOver) return;
      if (part.kind === "payload" && part.isLast) this.#payloadEnded();
    }
  }

  #frame(header: FrameHeader, nowMs: MonotonicMs): void {
    if (header.type === frameType.ping) return this.#ping(header);
    if (header.type === frameType.goAway) return this.#peerGoesAway(header.length);
    const { flags, streamId, length, type } = header;
    if ((flags & frameFlag.syn) !== 0 && !this.#offer(streamId)) return;
    const stream = this.#streams.get(streamId);
    // What comes after the end is nobody's.
    this.#receiving = type === frameType.data && stream?.finReceived === false ? stream : undefined;
    this.#isLastPayload = false;
    if (stream === undefined) return;
    if (type === frameType.windowUpdate) stream.sendWindow += length;
    else if (length > stream.receiveWindow) {
      return this.#fail("receive window exceeded", goAwayReason.protocolError);
    } else stream.receiveWindow -= length;
    const payloadFollows = type === frameType.data && length > 0;
    if (flags !== 0) this.#flags(stream, flags, { nowMs, payloadFollows });
    if (type === frameType.windowUpdate && this.#streams.has(streamId)) this.#pump(stream);
  }

  /** Whether the stream may go on. False: it was refused, or the session is over. */
  #offer(streamId: number): boolean {
    if (streamId === 0 || this.#streams.has(streamId)) {
      this.#fail("a stream was opened twice", goAwayReason.protocolError);
      return false;
    }
    const { backlogMax, peerStreamsMax, windowBytes } = this.#options;
    if (this.#isGoing || this.#offeredCount >= backlogMax || this.#peerStreamCount >= peerStreamsMax) {
      this.#sendReset(streamId);
      return true;
    }
    this.#offeredCount += 1;
    this.#peerStreamCount += 1;
    this.#streams.set(streamId, new StreamState(streamId, "offered", windowBytes));
    this.#events.push({ kind: "opened", streamId });
    return true;
  }

  #flags(
    stream: StreamState,
    flags: number,
    { nowMs, payloadFollows }: { readonly nowMs: MonotonicMs; readonly payloadFollows: boolean },
  ): void {
    if ((flags & frameFlag.ack) !== 0 && stream.phase === "announced") {
      stream.phase = "established";
      stream.announcedMs = undefined;
      this.#announcedCount -= 1;
      this.#announceQueued(nowMs);
    }
    if ((flags & frameFlag.fin) !== 0) {
      if (stream.finReceived) return this.#fail("a stream was ended twice", goAwayReason.protocolError);
      stream.finReceived = true;
      // A data frame that carries FIN ends the stream behind its payload.
      this.#isLastPayload = payloadFollows;
      if (!payloadFollows) this.#peerEnded(stream);
    }
    if ((flags & frameFlag.rst) !== 0) {
      this.#remove(stream);
      this.#events.push({ kind: "closed", streamId: stream.id, isReset: true });
    }
  }

  #payload(bytes: Uint8Array): void {
    const stream = this.#receiving;
    if (stream === undefined || !this.#streams.has(stream.id)) return;
    this.#events.push({ kind: "data", streamId: stream.id, bytes });
  }

  #payloadEnded(): void {
    const stream = this.#receiving;
    const isLast = this.#isLastPayload;
    this.#receiving = undefined;
    this.#isLastPayload = false;
    if (isLast && stream !== undefined && this.#streams.has(stream.id)) this.#peerEnded(stream);
  }

  #peerEnded(stream: StreamState): void {
    this.#events.push({ kind: "ended", streamId: stream.id });
    this.#closeIfOver(stream);
  }

  #closeIfOver(stream: StreamState): void {
    if (!stream.finReceived || !stream.finSent) return;
    if (this.#isLastPayload && this.#receiving === stream) return;
    this.#remove(stream);
    this.#events.push({ kind: "closed", streamId: stream.id, isReset: false });
  }

  #ping({ flags, length }: FrameHeader): void {
    if ((flags & frameFlag.syn) !== 0) {
      this.#control({ type: frameType.ping, flags: frameFlag.ack, streamId: 0, length });
    } else if (length === this.#pingId) this.#pingSentMs = undefined;
  }

  #peerGoesAway(reason: number): void {
    if (reason !== goAwayReason.normal)
      return this.#fail(`the peer went away with reason ${reason}`, undefined);
    this.#peerIsGoing = true;
    this.#events.push({ kind: "goAway" });
  }

  #announce(stream: StreamState, nowMs: MonotonicMs): void {
    stream.phase = "announced";
    stream.announcedMs = nowMs;
    this.#announcedCount += 1;
    this.#control({ type: frameType.windowUpdate, flags: frameFlag.syn, streamId: stream.id, length: 0 });
    this.#pump(stream);
  }

  #announceQueued(nowMs: MonotonicMs): void {
    while (this.#queued.length > 0 && this.#announcedCount < this.#options.backlogMax) {
      const stream = must(this.#queued.shift(), "the queue was not empty");
      if (stream.phase === "queued" && this.#streams.has(stream.id)) this.#announce(stream, nowMs);
    }
  }

  #maySend(stream: StreamState): boolean {
    return this.#isWritable && stream.phase !== "queued" && stream.phase !== "offered";
  }

  #pump(stream: StreamState): void {
    if (!this.#maySend(stream)) return;
    const hadPending = stream.pendingBytes > 0;
    const streamId = stream.id;
    for (let bytes = stream.takePending(); bytes !== undefined; bytes = stream.takePending()) {
      this.#control({ type: frameType.data, flags: 0, streamId, length: bytes.length });
      this.#output.push(bytes);
    }
    if (stream.pendingBytes > 0) return;
    if (hadPending) this.#events.push({ kind: "drained", streamId });
    if (!stream.wantsEnd || stream.finSent) return;
    stream.finSent = true;
    this.#control({ type: frameType.windowUpdate, flags: frameFlag.fin, streamId, length: 0 });
    this.#closeIfOver(stream);
  }

  #remove(stream: StreamState): void {
    if (!this.#streams.delete(stream.id)) return;
    if (stream.phase === "announced") this.#announcedCount -= 1;
    if (stream.phase === "offered") this.#offeredCount -= 1;
    if (stream.isPeers) this.#peerStreamCount -= 1;
  }

  #sendReset(streamId: number): void {
    this.#control({ type: frameType.windowUpdate, flags: frameFlag.rst, streamId, length: 0 });
  }

  #control(header: FrameHeader): void {
    if (!this.#isOver) this.#output.push(encodeFrame(header));
  }

  #fail(problem: string, reason: number | undefined): void {
    if (reason !== undefined) {
      this.#control({ type: frameType.goAway, flags: 0, streamId: 0, length: reason });
    }
    this.#isOver = true;
    this.#streams.clear();
    this.#queued.length = 0;
    this.#events.push({ kind: "failed", problem });
  }
}
