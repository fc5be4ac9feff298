/** Numbers in text as Go's strconv reads them, with its words for those that it does not. */
import { quoteGo } from "../../lib/go-quote.ts";
import { AddressTemplateError } from "./template-error.ts";

/** An integer of `bits` with an optional sign. `wrap` says where the problem was met. */
export function parseGoInt(text: string, bits: number, wrap: (problem: string) => string): bigint {
  const fail = (reason: string): never => {
    throw new AddressTemplateError(wrap(`strconv.ParseInt: parsing ${quoteGo(text)}: ${reason}`));
  };
  if (!/^[+-]?\d+$/u.test(text)) return fail("invalid syntax");
  const value = BigInt(text.replace(/^\+/u, ""));
  const limit = 1n << BigInt(bits - 1);
  return value >= limit || value < -limit ? fail("value out of range") : value;
}

/** An integer of `bits` without a sign. */
export function parseGoUint(text: string, bits: number, wrap: (problem: string) => string): number {
  const fail = (reason: string): never => {
    throw new AddressTemplateError(wrap(`strconv.ParseUint: parsing ${quoteGo(text)}: ${reason}`));
  };
  if (!/^\d+$/u.test(text)) return fail("invalid syntax");
  const value = BigInt(text);
  return value >= 1n << BigInt(bits) ? fail("value out of range") : Number(value);
}
