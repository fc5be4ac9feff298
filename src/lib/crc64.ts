/**
 * CRC-64/XZ: ECMA-182 polynomial, reflected, initial value and final xor all ones.
 *
 * Two 32-bit halves in tables of numbers: BigInt is fifty times slower. Source: protocol/raft.md §5.
 */
const polynomialHigh = 0xc96c5795;
const polynomialLow = 0xd7870f42;
const tableHigh = new Int32Array(256);
const tableLow = new Int32Array(256);

for (let byte = 0; byte < 256; byte += 1) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry === 1) {
      low ^= polynomialLow;
      high ^= polynomialHigh;
    }
  }
  tableHigh[byte] = high;
  tableLow[byte] = low;
}

/** Sums bytes as they pass. */
export class Crc64 {
  #high = -1;
  #low = -1;

  update(bytes: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < bytes.length; at += 1) {
      const slot = (low ^ (bytes[at] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (tableLow[slot] as number);
      high = (high >>> 8) ^ (tableHigh[slot] as number);
    }
    this.#high = high;
    this.#low = low;
  }

  /** The sum so far, big-endian, in 8 new bytes. */
  digest(): Uint8Array {
    const sum = new Uint8Array(8);
    const view = new DataView(sum.buffer);
    view.setInt32(0, ~this.#high);
    view.setInt32(4, ~this.#low);
    return sum;
  }
}
