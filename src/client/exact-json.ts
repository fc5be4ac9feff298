import { parse } from "lossless-json";
import { DecodeError } from "../lib/errors.ts";

/** JSON whose whole numbers stay exact: those beyond 53 bits are `bigint`. Throws `DecodeError`. */
export function parseExactJson(text: string): unknown {
  try {
    return parse(text, undefined, (digits) => {
      const value = Number(digits);
      return Number.isSafeInteger(value) || !/^-?\d+$/u.test(digits) ? value : BigInt(digits);
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DecodeError(`failed to decode the agent's reply: ${why}`, { cause });
  }
}
