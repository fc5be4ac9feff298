/**
 * Random numbers that are passed in, so that a seed replays a run.
 *
 * Integers and ratios only, never floats; each component forks a stream of its own, so that one
 * more draw in one place does not reshuffle another.
 */
export interface Rng {
  /** Uniform integer, 0 ≤ result < limit. */
  below(limit: number): number;
  /** True in `numerator` of `denominator` draws. */
  chance(numerator: number, denominator: number): boolean;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
  /** An independent stream, fixed by this stream's seed and `label`. */
  fork(label: string): Rng;
}

function hashLabel(label: string, basis: number): number {
  let hash = basis >>> 0;
  for (let i = 0; i < label.length; i += 1) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash;
}

/**
 * A seeded generator (sfc32). Not for secrets: the runtime has a cryptographic one.
 * Source: PractRand's sfc32, Chris Doty-Humphrey.
 */
export function seededRng(seed: number): Rng {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let d = (Math.floor(seed / 0x1_0000_0000) ^ 1) >>> 0;
  const next = (): number => {
    const t = (((a + b) >>> 0) + d) >>> 0;
    d = (d + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + t) >>> 0;
    return t;
  };
  for (let i = 0; i < 15; i += 1) next();
  const below = (limit: number): number =>
    Math.floor(((next() * 0x20_0000 + (next() >>> 11)) / 0x20_0000_0000_0000) * limit);
  return {
    below,
    chance: (numerator, denominator) => below(denominator) < numerator,
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    fork: (label) => seededRng(hashLabel(label, (seed ^ 0x811c9dc5) >>> 0)),
  };
}
