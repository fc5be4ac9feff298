/**
 * User events: heard once each, and remembered so that newcomers can be told.
 *
 * Source: protocol reference, gossip-serf section 5.
 */
import type { SerfPushPull, SerfUserEvent } from "../../wire/gossip/serf-messages.ts";
import { LamportClock, lamportTime, type LamportTime } from "./lamport.ts";
import type { SerfContext } from "./serf-context.ts";
import { userEventBytesLimit } from "./serf-options.ts";
import { TimeSlots } from "./time-slots.ts";

interface Event {
  readonly name: string;
  readonly payload: Uint8Array;
}

const nothing = new Uint8Array();

export class EventBook {
  readonly clock = new LamportClock();
  readonly #context: SerfContext;
  readonly #heard: TimeSlots<Event>;

  constructor(context: SerfContext) {
    this.#context = context;
    const { bufferSlots, perSlotMax } = context.options;
    this.#heard = new TimeSlots({ slots: bufferSlots, perSlotMax, isSame });
  }

  /** Takes up after a restart: nothing up to `last` is heard again. */
  resumeAfter(last: number): void {
    this.clock.witness(lamportTime(last));
    this.ignoreBefore(lamportTime(last + 1));
  }

  /** Nothing older than `time` is delivered from here on. */
  ignoreBefore(time: LamportTime): void {
    this.#heard.ignoreBefore(time);
  }

  /** Delivers a new event of this node. Answers the bytes to spread, or why there are none. */
  fire(name: string, payload: Uint8Array): Uint8Array | string {
    const { userEventBytesMax } = this.#context.options;
    const rawBytes = new TextEncoder().encode(name).length + payload.length;
    if (rawBytes > userEventBytesMax)
      return `user event exceeds configured limit of ${userEventBytesMax} bytes before encoding`;
    if (rawBytes > userEventBytesLimit)
      return `user event exceeds sane limit of ${userEventBytesLimit} bytes before encoding`;
    const event: SerfUserEvent = { LTime: this.clock.time, Name: name, Payload: payload, CC: false };
    const bytes = this.#context.encode({ kind: "userEvent", body: event });
    if (bytes.length > userEventBytesMax)
      return `encoded user event exceeds configured limit of ${userEventBytesMax} bytes after encoding`;
    this.hear(event);
    return bytes;
  }

  /** Delivers an event if it is new. Answers whether it is to be told on. */
  hear({ LTime, Name: name, Payload }: SerfUserEvent): boolean {
    const time = lamportTime(LTime);
    this.clock.witness(time);
    // A copy: what came in a large exchange must not be kept for the sake of a few bytes.
    const payload = (Payload ?? nothing).slice();
    const verdict = this.#heard.take(time, { name, payload }, this.clock.time);
    if (verdict === "old" || verdict === "full")
      this.#context.log(
        "warn",
        `received ${verdict} event ${name} from time ${time} (current: ${this.clock.time})`,
      );
    if (verdict !== "new") return false;
    this.#context.count("events");
    this.#context.push({ kind: "userEvent", event: { lamportTime: time, name, payload } });
    return true;
  }

  /** All that is remembered, for a full exchange: a slot each, `null` where nothing was heard. */
  slots(): SerfPushPull["Events"] {
    return this.#heard.slots().map((slot) =>
      slot === undefined
        ? null
        : {
            LTime: slot.time,
            Events: slot.items.map(({ name, payload }) => ({ Name: name, Payload: payload })),
          },
    );
  }
}

function isSame(a: Event, b: Event): boolean {
  return (
    a.name === b.name &&
    a.payload.length === b.payload.length &&
    a.payload.every((byte, at) => byte === b.payload[at])
  );
}
