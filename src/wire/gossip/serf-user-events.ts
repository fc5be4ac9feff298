/**
 * Consul's use of serf's user events on the LAN pool. Source: protocol reference, gossip-serf section 10.
 *
 * The body of an event is MessagePack with bin and str8, which nothing else on the wire uses.
 */
import { DecodeError } from "../../lib/errors.ts";
import { MsgpackReader } from "../msgpack/reader.ts";
import { MsgpackWriter } from "../msgpack/writer.ts";

/** Name of the event by which a new leader makes itself known; the payload is its node name. */
export const newLeaderEvent = "consul:new-leader";

/** Names of users' events carry this in front. */
export const userEventPrefix = "consul:event:";

/**
 * A user's event, of Proconsul alone, that tells the agent of one node to drop a registration. To fire it takes more
 * than the right to events: it acts on services of others.
 */
export const deregisterEvent = "_proconsul_deregister";

/** An event of a user as it travels. Absent filters and payload are "" and `null`. */
export interface UserEventWire {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
}

const utf8 = new TextEncoder();

export function encodeUserEvent(event: UserEventWire): Uint8Array {
  const payload = event.Payload !== null && event.Payload.length > 0 ? event.Payload : null;
  const texts = { nf: event.NodeFilter, sf: event.ServiceFilter, tf: event.TagFilter };
  const filters = Object.values(texts).filter((text) => text !== "").length;
  const writer = new MsgpackWriter();
  writer.mapHeader(3 + filters + (payload === null ? 0 : 1));
  writeField(writer, "ID", event.ID);
  writeField(writer, "n", event.Name);
  writeField(writer, "nf", texts.nf);
  if (payload !== null) {
    writer.text("p");
    writeBin(writer, payload);
  }
  writeField(writer, "sf", texts.sf);
  writeField(writer, "tf", texts.tf);
  writer.text("v");
  writer.int(event.Version);
  return writer.take();
}

/** Throws `DecodeError`. The payload aliases the input. */
export function decodeUserEvent(bytes: Uint8Array): UserEventWire {
  const reader = new MsgpackReader(bytes);
  const texts: Record<string, string> = { ID: "", n: "", nf: "", sf: "", tf: "" };
  let payload: Uint8Array | null = null;
  let version = 0;
  const count = reader.mapHeader() ?? 0;
  for (let i = 0; i < count; i += 1) {
    const key = reader.text();
    if (key === "p") payload = reader.bytes();
    else if (key === "v") version = reader.int();
    else if (Object.hasOwn(texts, key)) texts[key] = reader.text();
    else reader.skip();
  }
  const { ID = "", n = "", nf = "", sf = "", tf = "" } = texts;
  if (n === "") throw new DecodeError("user event: no name");
  return {
    ID,
    Name: n,
    Payload: payload,
    NodeFilter: nf,
    ServiceFilter: sf,
    TagFilter: tf,
    Version: version,
  };
}

/** Text that is not empty, in the forms of today's MessagePack: fixstr, str8, str16. */
function writeField(writer: MsgpackWriter, key: string, value: string): void {
  if (value === "" && key.length === 2 && key !== "ID") return;
  writer.text(key);
  const text = utf8.encode(value);
  if (text.length > 31 && text.length <= 0xff) writer.byte(0xd9);
  if (text.length <= 31 || text.length > 0xff) return writer.text(value);
  writer.byte(text.length);
  writer.raw(text);
}

function writeBin(writer: MsgpackWriter, bytes: Uint8Array): void {
  if (bytes.length <= 0xff) {
    writer.byte(0xc4);
    writer.byte(bytes.length);
  } else {
    writer.byte(0xc5);
    writer.byte(bytes.length >> 8);
    writer.byte(bytes.length & 0xff);
  }
  writer.raw(bytes);
}
