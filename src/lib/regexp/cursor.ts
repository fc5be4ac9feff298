/** A place in a pattern. */
export class Cursor {
  readonly source: string;
  #at = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** Offset of the next unit. */
  get at(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.source.length;
  }

  /** Whether `text` is next. */
  sees(text: string): boolean {
    return this.source.startsWith(text, this.#at);
  }

  /** The unit `ahead` units on; "" beyond the end. */
  peek(ahead: number): string {
    return this.source[this.#at + ahead] ?? "";
  }

  skip(units: number): void {
    this.#at += units;
  }

  takeIf(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** The next character, which there is. */
  next(): string {
    const character = String.fromCodePoint(this.source.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    return character;
  }

  /** Everything up to `end`, which is consumed too, or to the end of the pattern. */
  until(end: string): string {
    const found = this.source.indexOf(end, this.#at);
    const text = this.source.slice(this.#at, found < 0 ? undefined : found);
    this.#at += text.length + (found < 0 ? 0 : end.length);
    return text;
  }

  /** What a sticky expression finds here, consumed. */
  match(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }
}
