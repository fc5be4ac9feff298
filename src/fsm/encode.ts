import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import type { Codec } from "../wire/schema/codec.ts";

/** Bytes of a log command: its number and its body. */
export function encodeCommand<T>(type: number, codec: Codec<T>, body: T): Uint8Array {
  const writer = new MsgpackWriter();
  writer.byte(type);
  codec.encode(writer, body);
  return writer.take();
}
