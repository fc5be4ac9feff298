/**
 * Profiles in the form of pprof, which `go tool pprof` and its relatives read.
 *
 * Source: github.com/google/pprof, proto/profile.proto. The message is written plain; who stores it compresses it.
 */

/** Where a sample was taken. */
export interface ProfileFrame {
  readonly name: string;
  /** "" if unknown. */
  readonly file: string;
  /** From 1 on; 0 if unknown. */
  readonly line: number;
}

/** What is counted, and in which unit: "samples" in "count", "cpu" in "nanoseconds". */
export type ValueType = readonly [type: string, unit: string];

export interface ProfileSample {
  /** The innermost frame first. */
  readonly stack: readonly ProfileFrame[];
  /** One whole number for each value type. */
  readonly values: readonly number[];
}

export interface Profile {
  readonly valueTypes: readonly ValueType[];
  readonly samples: readonly ProfileSample[];
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** How long it was measured; 0 for a moment. */
  readonly durationNs: bigint;
  /** What stands between two samples; absent where nothing was sampled. */
  readonly period?: { readonly type: ValueType; readonly value: bigint };
}

/** Field numbers of the messages. */
const field = {
  profile: {
    valueType: 1,
    sample: 2,
    location: 4,
    function: 5,
    text: 6,
    timeNs: 9,
    durationNs: 10,
    periodType: 11,
    period: 12,
  },
  valueType: { type: 1, unit: 2 },
  sample: { location: 1, value: 2 },
  location: { id: 1, line: 4 },
  line: { function: 1, line: 2 },
  function: { id: 1, name: 2, systemName: 3, file: 4 },
} as const;

/** Writes one protobuf message. */
class Message {
  readonly #bytes: number[] = [];

  /** A number; 0 is left out, as absent means 0. */
  number(id: number, value: bigint | number): this {
    if (BigInt(value) !== 0n) {
      this.#varint(BigInt(id) << 3n);
      this.#varint(BigInt.asUintN(64, BigInt(value)));
    }
    return this;
  }

  /** Several numbers in one field. */
  numbers(id: number, values: readonly number[]): this {
    const packed = new Message();
    for (const value of values) packed.#varint(BigInt.asUintN(64, BigInt(value)));
    return this.bytes(id, packed.done());
  }

  message(id: number, inner: Message): this {
    return this.bytes(id, inner.done());
  }

  bytes(id: number, bytes: Uint8Array): this {
    this.#varint((BigInt(id) << 3n) | 2n);
    this.#varint(BigInt(bytes.length));
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #varint(value: bigint): void {
    let rest = value;
    while (rest > 127n) {
      this.#bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.#bytes.push(Number(rest));
  }
}

/** Numbers things in the order in which they first come. */
class Numbering<T> {
  readonly items: T[] = [];
  readonly #ids = new Map<string, number>();
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  of(key: string, item: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.items.push(item) - 1 + this.#first;
    this.#ids.set(key, id);
    return id;
  }
}

/** The bytes of a profile. */
export function encodeProfile(profile: Profile): Uint8Array {
  const texts = new Numbering<string>(0);
  const text = (value: string): number => texts.of(value, value);
  // The form wants the empty text first.
  text("");
  const functions = new Numbering<ProfileFrame>(1);
  const locations = new Numbering<ProfileFrame>(1);
  const functionKey = ({ name, file }: ProfileFrame): string => JSON.stringify([name, file]);
  const locationOf = (frame: ProfileFrame): number =>
    locations.of(JSON.stringify([functionKey(frame), frame.line]), frame);
  const valueType = ([type, unit]: ValueType): Message =>
    new Message().number(field.valueType.type, text(type)).number(field.valueType.unit, text(unit));
  const whole = new Message();
  for (const one of profile.valueTypes) whole.message(field.profile.valueType, valueType(one));
  for (const { stack, values } of profile.samples) {
    const sample = new Message()
      .numbers(field.sample.location, stack.map(locationOf))
      .numbers(field.sample.value, values);
    whole.message(field.profile.sample, sample);
  }
  locations.items.forEach((frame, index) => {
    const line = new Message()
      .number(field.line.function, functions.of(functionKey(frame), frame))
      .number(field.line.line, frame.line);
    const location = new Message().number(field.location.id, index + 1).message(field.location.line, line);
    whole.message(field.profile.location, location);
  });
  functions.items.forEach(({ name, file }, index) => {
    const one = new Message()
      .number(field.function.id, index + 1)
      .number(field.function.name, text(name))
      .number(field.function.systemName, text(name))
      .number(field.function.file, text(file));
    whole.message(field.profile.function, one);
  });
  const { period } = profile;
  if (period !== undefined) {
    whole
      .message(field.profile.periodType, valueType(period.type))
      .number(field.profile.period, period.value);
  }
  whole.number(field.profile.timeNs, profile.timeNs).number(field.profile.durationNs, profile.durationNs);
  const encoder = new TextEncoder();
  for (const one of texts.items) whole.bytes(field.profile.text, encoder.encode(one));
  return whole.done();
}
