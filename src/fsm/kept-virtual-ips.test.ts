import { expect, test } from "bun:test";
import { StateStore } from "../state/store.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { keepRecord } from "./kept-rows.ts";
import { virtualIpOf } from "./kept-virtual-ips.ts";
import { RawFields, rawBytes, rawText } from "./raw-fields.ts";

const map = (fields: Readonly<Record<string, Uint8Array>>): Uint8Array =>
  new RawFields(Object.entries(fields)).encode();

/** A row as snapshots have it since 1.13. */
const row = (name: string, ip: readonly number[], peer = ""): Uint8Array =>
  map({
    Service: map({ Peer: rawText(peer), ServiceName: map({ Name: rawText(name) }) }),
    IP: rawBytes(Uint8Array.from(ip)),
  });

function storeOf(...rows: readonly Uint8Array[]): StateStore {
  const store = new StateStore();
  for (const one of rows) keepRecord(store, 32, one);
  return store;
}

test.each([
  { what: "the first", ip: [0, 0, 0, 1], address: "240.0.0.1" },
  {
    what: "one of 16 bytes",
    ip: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 2],
    address: "240.0.1.2",
  },
  { what: "the last", ip: [15, 255, 255, 253], address: "255.255.255.253" },
  { what: "none of 4 or 16 bytes", ip: [1, 2, 3], address: undefined },
])("the address of a service is $what", ({ ip, address }) => {
  expect(virtualIpOf(storeOf(row("other", [0, 0, 0, 9]), row("web", ip)), "WEB")).toBe(address);
});

test("a service has none without a row, by a peer's, or by one that cannot be read", () => {
  expect(virtualIpOf(storeOf(), "web")).toBeUndefined();
  expect(virtualIpOf(storeOf(row("web", [0, 0, 0, 1], "far")), "web")).toBeUndefined();
  const odd = new MsgpackWriter();
  odd.text("odd");
  expect(virtualIpOf(storeOf(odd.take(), row("web", [0, 0, 0, 2])), "web")).toBe("240.0.0.2");
});

test("rows of before 1.13 name the service without a peer", () => {
  const old = map({ Service: map({ Name: rawText("web") }), IP: rawBytes(Uint8Array.of(0, 0, 0, 3)) });
  expect(virtualIpOf(storeOf(old), "web")).toBe("240.0.0.3");
});
