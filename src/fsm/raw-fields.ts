/**
 * A MessagePack map whose values are left as they are, but for a few that are read or replaced.
 *
 * For structs of later areas: what is not understood must come out byte for byte as it came in.
 */
import { DecodeError } from "../lib/errors.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";

const nil = 0xc0;

export class RawFields {
  readonly #fields: ReadonlyMap<string, Uint8Array>;

  constructor(fields: Iterable<readonly [string, Uint8Array]>) {
    this.#fields = new Map(fields);
  }

  /** Throws `DecodeError`. A nil is an empty map. Values alias `bytes`. */
  static decode(bytes: Uint8Array): RawFields {
    const reader = new MsgpackReader(bytes);
    const count = reader.mapHeader() ?? 0;
    const fields = new Map<string, Uint8Array>();
    for (let at = 0; at < count; at += 1) {
      const name = reader.text();
      fields.set(name, reader.unread());
    }
    return new RawFields(fields);
  }

  /** In a buffer of its own, with the fields sorted by name. */
  encode(): Uint8Array {
    const names = [...this.#fields.keys()].sort();
    const writer = new MsgpackWriter();
    writer.mapHeader(names.length);
    for (const name of names) {
      writer.text(name);
      writer.raw(this.bytes(name));
    }
    return writer.take().slice();
  }

  /** The value as it stands; nil if the field is missing. */
  bytes(name: string): Uint8Array {
    return this.#fields.get(name) ?? Uint8Array.of(nil);
  }

  isNil(name: string): boolean {
    return this.bytes(name)[0] === nil;
  }

  /** "" if missing. Throws `DecodeError` on another kind. */
  text(name: string): string {
    return new MsgpackReader(this.bytes(name)).text();
  }

  /** 0 if missing. Throws `DecodeError` on another kind. */
  uint(name: string): number {
    return new MsgpackReader(this.bytes(name)).uint();
  }

  /** False if missing. Throws `DecodeError` on another kind. */
  bool(name: string): boolean {
    return new MsgpackReader(this.bytes(name)).bool();
  }

  /** The map inside a field. */
  fields(name: string): RawFields {
    return RawFields.decode(this.bytes(name));
  }

  /** The values of a list, unread; none if missing. Throws `DecodeError` on another kind. */
  list(name: string): readonly Uint8Array[] {
    const reader = new MsgpackReader(this.bytes(name));
    const count = reader.arrayHeader() ?? 0;
    return Array.from({ length: count }, () => reader.unread());
  }

  /** The texts of a list. */
  texts(name: string): readonly string[] {
    return this.list(name).map((bytes) => new MsgpackReader(bytes).text());
  }

  /** The same with some fields replaced. */
  with(changes: Readonly<Record<string, Uint8Array>>): RawFields {
    return new RawFields([...this.#fields, ...Object.entries(changes)]);
  }
}

/** A number as a MessagePack value. */
export function rawUint(value: number): Uint8Array {
  const writer = new MsgpackWriter(16);
  writer.int(value);
  return writer.take();
}

/** Text as a MessagePack value. */
export function rawText(value: string): Uint8Array {
  const writer = new MsgpackWriter(value.length + 8);
  writer.text(value);
  return writer.take();
}

/** Bytes as a MessagePack value. */
export function rawBytes(value: Uint8Array): Uint8Array {
  const writer = new MsgpackWriter(value.length + 8);
  writer.bytes(value);
  return writer.take();
}

/** The content of a MessagePack text or byte value. Throws `DecodeError`. */
export function contentOf(value: Uint8Array): Uint8Array {
  const content = new MsgpackReader(value).bytes();
  if (content === null) throw new DecodeError("msgpack: nil where bytes were expected");
  return content;
}
