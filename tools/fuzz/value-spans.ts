/** Where the values of MessagePack stand in bytes that may begin with a type byte. */

/** From the first byte to behind the last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const spansMax = 2_000;

/** Every value and key that can be found, in the order of their ends; none if the bytes are not MessagePack. */
export function valueSpans(bytes: Uint8Array): readonly Span[] {
  for (const start of [0, 1, 2]) {
    const spans = scan(bytes, start);
    if (spans.length > 1) return spans;
  }
  return [];
}

function scan(bytes: Uint8Array, start: number): readonly Span[] {
  const spans: Span[] = [];
  const value = (from: number, depth: number): number | undefined => {
    const tag = bytes[from];
    if (tag === undefined || depth > 30 || spans.length > spansMax) return undefined;
    const { header, content, members } = shapeOf(bytes, from, tag);
    let at = from + header + content;
    for (let left = members; left > 0; left -= 1) {
      const end = value(at, depth + 1);
      if (end === undefined) return undefined;
      at = end;
    }
    if (at > bytes.length) return undefined;
    spans.push({ from, to: at });
    return at;
  };
  for (let at: number | undefined = start; at !== undefined && at < bytes.length;) at = value(at, 0);
  return spans;
}

interface Shape {
  readonly header: number;
  readonly content: number;
  readonly members: number;
}

function shapeOf(bytes: Uint8Array, from: number, tag: number): Shape {
  const of = (header: number, content: number, members = 0): Shape => ({ header, content, members });
  const number = (width: number): number => {
    let sum = 0;
    for (let at = from + 1; at <= from + width; at += 1) sum = sum * 256 + (bytes[at] ?? 0);
    return sum;
  };
  if (tag < 0x80 || tag >= 0xe0) return of(1, 0);
  if (tag < 0x90) return of(1, 0, (tag & 15) * 2);
  if (tag < 0xa0) return of(1, 0, tag & 15);
  if (tag < 0xc0) return of(1, tag & 31);
  if (tag < 0xc4) return of(1, 0);
  if (tag <= 0xc6) return of(1 + (1 << (tag - 0xc4)), number(1 << (tag - 0xc4)));
  if (tag <= 0xc9) return of(2 + (1 << (tag - 0xc7)), number(1 << (tag - 0xc7)));
  if (tag <= 0xcb) return of(tag === 0xca ? 5 : 9, 0);
  if (tag <= 0xd3) return of(1 + (1 << (tag & 3)), 0);
  if (tag <= 0xd8) return of(2, 1 << (tag - 0xd4));
  if (tag <= 0xdb) return of(1 + (1 << (tag - 0xd9)), number(1 << (tag - 0xd9)));
  const width = tag === 0xdc || tag === 0xde ? 2 : 4;
  return of(1 + width, 0, number(width) * (tag >= 0xde ? 2 : 1));
}
