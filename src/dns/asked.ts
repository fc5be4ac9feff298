/**
 * The plain questions, which nearly all are, read straight from their bytes: one question whose name is not compressed,
 * and at most an OPT record, without a client subnet, at the end.
 */
import type { DnsNetwork } from "./trim.ts";

export interface Asked {
  readonly network: DnsNetwork;
  readonly id: number;
  /** The bits that an answer repeats: recursion desired and checking disabled. */
  readonly flags: number;
  /** Where the question ends: it begins at byte 12. */
  readonly questionEnd: number;
  readonly questionType: number;
  /** As the OPT record has it; `undefined` without one. */
  readonly ednsBytes: number | undefined;
}

const headerBytes = 12;
const labelBytesMax = 63;
const nameBytesMax = 255;
const optBytes = 11;
const subnetOption = 8;
const repeatedFlags = 0x0110;

/** `undefined`: not a plain question, to be read in full. */
export function readAsked(bytes: Uint8Array, network: DnsNetwork): Asked | undefined {
  // A query of the standard kind with one question, no answers and no authority.
  if (bytes.length < headerBytes + 5 || ((bytes[2] ?? 0) & 0xf8) !== 0) return undefined;
  if (u16(bytes, 4) !== 1 || u16(bytes, 6) !== 0 || u16(bytes, 8) !== 0) return undefined;
  let at = headerBytes;
  for (let size = bytes[at] ?? 0; size !== 0; size = bytes[at] ?? 0) {
    if (size > labelBytesMax) return undefined;
    at += size + 1;
    if (at >= bytes.length || at - headerBytes >= nameBytesMax) return undefined;
  }
  const questionEnd = at + 5;
  if (questionEnd > bytes.length) return undefined;
  const ednsBytes = readEdns(bytes, questionEnd, u16(bytes, 10));
  if (ednsBytes === undefined) return undefined;
  return {
    network,
    id: u16(bytes, 0),
    flags: u16(bytes, 2) & repeatedFlags,
    questionEnd,
    questionType: u16(bytes, at + 1),
    ednsBytes: ednsBytes === "none" ? undefined : ednsBytes,
  };
}

/** `undefined`: something else, or with options that matter. */
function readEdns(bytes: Uint8Array, at: number, count: number): number | "none" | undefined {
  if (count === 0) return at === bytes.length ? "none" : undefined;
  if (count !== 1 || at + optBytes > bytes.length) return undefined;
  const isOpt = bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 41;
  if (!isOpt || at + optBytes + u16(bytes, at + 9) !== bytes.length) return undefined;
  for (let option = at + optBytes; option < bytes.length; option += 4 + u16(bytes, option + 2)) {
    const end = option + 4 + u16(bytes, option + 2);
    if (option + 4 > bytes.length || end > bytes.length || u16(bytes, option) === subnetOption)
      return undefined;
  }
  return u16(bytes, at + 3);
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
