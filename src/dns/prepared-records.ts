/** Records in the form that they are written in many times. */
import { unreachable } from "../lib/assert.ts";
import { encodeText } from "../wire/dns/encode.ts";
import { classInternet, dnsType, type DnsData, type DnsRecord } from "../wire/dns/message.ts";
import type { NameTable, PreparedName } from "./prepared-names.ts";

/** What stands in a record's data, in order. */
export type Piece =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** `isCompressed`: may be shortened to a pointer. */
  | { readonly kind: "name"; readonly name: PreparedName; readonly isCompressed: boolean }
  /** The serial number of a zone: the seconds of the moment. */
  | { readonly kind: "time" };

export interface PreparedRecord {
  readonly owner: PreparedName;
  /** Type, class and lifetime: 8 bytes. */
  readonly head: Uint8Array;
  readonly pieces: readonly Piece[];
  /** Size without compression. */
  readonly plainBytes: number;
  /** Size if all names that may be are pointers. */
  readonly bytesMin: number;
}

const headBytes = 8;
const sizeBytes = 2;
const timeBytes = 4;
const pointerBytes = 2;

/** Throws `DnsEncodeError` if DNS cannot carry a name in it. */
export function prepareRecord(names: NameTable, { name, ttl, data }: DnsRecord): PreparedRecord {
  const owner = names.name(name);
  const pieces = piecesOf(names, data);
  let dataBytes = 0;
  let savedBytes = saving(owner);
  for (const piece of pieces) {
    if (piece.kind === "bytes") dataBytes += piece.bytes.length;
    else if (piece.kind === "time") dataBytes += timeBytes;
    else {
      dataBytes += piece.name.bytes.length;
      if (piece.isCompressed) savedBytes += saving(piece.name);
    }
  }
  const plainBytes = owner.bytes.length + headBytes + sizeBytes + dataBytes;
  const type = data.kind === "other" ? data.type : dnsType[data.kind];
  return {
    owner,
    head: numbers([type, 2], [classInternet, 2], [ttl, 4]),
    pieces,
    plainBytes,
    bytesMin: plainBytes - savedBytes,
  };
}

function saving({ bytes }: PreparedName): number {
  return Math.max(0, bytes.length - pointerBytes);
}

function piecesOf(names: NameTable, data: DnsData): readonly Piece[] {
  const name = (text: string, isCompressed = true): Piece => ({
    kind: "name",
    name: names.name(text),
    isCompressed,
  });
  switch (data.kind) {
    case "A":
    case "AAAA":
      return [{ kind: "bytes", bytes: data.address }];
    case "CNAME":
    case "NS":
    case "PTR":
      return [name(data.target)];
    case "SRV":
      return [
        { kind: "bytes", bytes: numbers([data.priority, 2], [data.weight, 2], [data.port, 2]) },
        name(data.target, false),
      ];
    case "TXT":
      return [{ kind: "bytes", bytes: encodeText(data.text) }];
    case "SOA":
      return [
        name(data.primary),
        name(data.mailbox),
        { kind: "time" },
        {
          kind: "bytes",
          bytes: numbers([data.refresh, 4], [data.retry, 4], [data.expire, 4], [data.minTtl, 4]),
        },
      ];
    case "other":
      return [{ kind: "bytes", bytes: data.bytes }];
    default:
      return unreachable(data);
  }
}

/** Each number in so many bytes, the highest first. */
function numbers(...parts: readonly (readonly [value: number, size: number])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [value, size] of parts) {
    for (let shift = size - 1; shift >= 0; shift -= 1) bytes.push(Math.floor(value / 256 ** shift) & 255);
  }
  return Uint8Array.from(bytes);
}
