/** Virtual addresses that came with a snapshot: nothing assigns any before there is a mesh. */
import { DecodeError } from "../lib/errors.ts";
import { renderIp } from "../lib/ip.ts";
import { foldName } from "../state/catalog-rows.ts";
import type { StateStore } from "../state/store.ts";
import { keptRows } from "./kept-rows.ts";
import { contentOf, RawFields } from "./raw-fields.ts";

/** Rows say how far they are from the first address. Source: the reference's state store (1.16). */
const firstAddress = [240, 0, 0, 0] as const;
const mappedBytes = 12;

/** The address of a service of this datacenter; `undefined` if it has none. */
export function virtualIpOf(store: StateStore, service: string): string | undefined {
  const wanted = foldName(service);
  for (const row of keptRows(store, { record: 32 })) {
    try {
      const fields = RawFields.decode(row);
      const name = localName(fields.fields("Service"));
      if (name !== undefined && foldName(name) === wanted) return addressAt(contentOf(fields.bytes("IP")));
    } catch (error) {
      // Such a row is handed on all the same.
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return undefined;
}

/** Before 1.13 the name stood alone, without a peer. */
function localName(service: RawFields): string | undefined {
  const inner = service.fields("ServiceName");
  const name = inner.text("Name") === "" ? service.text("Name") : inner.text("Name");
  return service.text("Peer") === "" && name !== "" ? name : undefined;
}

/** The sum of two IPv4 addresses as numbers, as the reference adds them. */
function addressAt(offset: Uint8Array): string | undefined {
  const last = offset.length === 16 ? offset.subarray(mappedBytes) : offset;
  if (last.length !== 4) return undefined;
  const sum = [0, 1, 2, 3].reduce((all, at) => all * 256 + (firstAddress[at] ?? 0) + (last[at] ?? 0), 0);
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], mappedBytes - 2);
  new DataView(bytes.buffer).setUint32(mappedBytes, sum % 2 ** 32);
  return renderIp(bytes);
}
