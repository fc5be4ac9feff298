import { expect, test } from "bun:test";
import { decodeMsgpack, encodeMsgpack } from "./codec.ts";
import { time } from "./time.ts";

/** Go's time.Date(…).MarshalBinary() in hex, behind the MessagePack header of 15 bytes. */
type Case = readonly [name: string, ms: number | null, hex: string, json: string];
const cases: readonly Case[] = [
  ["the zero time", null, "af010000000000000000" + "00000000" + "ffff", '"0001-01-01T00:00:00Z"'],
  ["1970", 0, "af010000000e7791f700" + "00000000" + "ffff", '"1970-01-01T00:00:00Z"'],
  ["half a second", 500, "af010000000e7791f700" + "1dcd6500" + "ffff", '"1970-01-01T00:00:00.5Z"'],
  ["before 1970", -500, "af010000000e7791f6ff" + "1dcd6500" + "ffff", '"1969-12-31T23:59:59.5Z"'],
];

test.each(cases)("%s", (...[, ms, hex, json]: Case) => {
  const bytes = encodeMsgpack(time, ms);
  expect(Buffer.from(bytes).toString("hex")).toBe(hex);
  expect(decodeMsgpack(time, bytes)).toBe(ms);
  expect(time.json(ms)).toBe(json);
  expect(time.fromJson(JSON.parse(json) as string, "")).toBe(ms);
});
