/**
 * Patterns as programs of an automaton: steps that lead to further steps.
 *
 * A split tries `next` before `other`; who asks only whether there is a match need not care.
 * Source: https://swtch.com/~rsc/regexp/regexp2.html; the order of preference is that of Go's compiler.
 */
import { unreachable } from "../assert.ts";
import { word } from "./classes.ts";
import { parseRegexp } from "./parse.ts";
import { isNullable, RegexpRefusal, type Assertion, type CodePointSet, type RegexpNode } from "./syntax.ts";

/** Most steps of a program; beyond it a pattern is refused. 5,000 steps on 500 characters stay in the milliseconds. */
const stepsMax = 5_000;

export type Step =
  | { readonly kind: "set"; readonly has: CodePointSet; readonly next: number }
  | { readonly kind: "assertion"; readonly what: Assertion; readonly next: number }
  /** Notes the place in the text: slots 2n and 2n+1 are the start and the end of group n. */
  | { readonly kind: "save"; readonly slot: number; readonly next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "match" };

export interface RegexpProgram {
  readonly steps: readonly Step[];
  readonly start: number;
  /** Without group 0, the whole. */
  readonly groupCount: number;
}

/** Compiles a pattern of Go's syntax, or says why it is none, in Go's words. */
export function compileProgram(
  source: string,
  { saves }: { readonly saves: boolean },
): RegexpProgram | { readonly problem: string } {
  try {
    const builder = new Builder(source, saves);
    const start = builder.add(parseRegexp(source), builder.push({ kind: "match" }));
    return { steps: builder.steps, start, groupCount: builder.groupCount };
  } catch (error) {
    if (error instanceof RegexpRefusal) return { problem: `error parsing regexp: ${error.message}` };
    throw error;
  }
}

/** Writes a program from its end to its start, so that each step knows the next. */
class Builder {
  readonly steps: Step[] = [];
  groupCount = 0;
  readonly #source: string;
  readonly #saves: boolean;

  constructor(source: string, saves: boolean) {
    this.#source = source;
    this.#saves = saves;
  }

  push(step: Step): number {
    if (this.steps.length >= stepsMax) throw new RegexpRefusal(`expression too large: \`${this.#source}\``);
    this.steps.push(step);
    return this.steps.length - 1;
  }

  /** Adds what matches `node` and goes on at `next`. Answers where it starts. */
  add(node: RegexpNode, next: number): number {
    switch (node.kind) {
      case "set":
        return this.push({ kind: "set", has: node.has, next });
      case "assertion":
        return this.push({ kind: "assertion", what: node.what, next });
      case "group":
        return this.#group(node, next);
      case "sequence": {
        let start = next;
        for (const item of node.items.toReversed()) start = this.add(item, start);
        return start;
      }
      case "choice":
        return node.items
          .map((item) => this.add(item, next))
          .reduceRight((later, one) => this.push({ kind: "split", next: one, other: later }));
      case "repeat":
        return this.#repeat(node, next);
      default:
        return unreachable(node);
    }
  }

  #group({ number, item }: Extract<RegexpNode, { kind: "group" }>, next: number): number {
    this.groupCount = Math.max(this.groupCount, number);
    if (!this.#saves) return this.add(item, next);
    const end = this.push({ kind: "save", slot: 2 * number + 1, next });
    return this.push({ kind: "save", slot: 2 * number, next: this.add(item, end) });
  }

  #repeat(node: Extract<RegexpNode, { kind: "repeat" }>, next: number): number {
    const { item, min, max, greedy } = node;
    let start = next;
    let needed = min;
    if (max === undefined) {
      // `x*` whose x may be empty is `(x+)?`: only so is what an empty round prefers seen in the right order.
      const asPlus = min > 0 || isNullable(item);
      start = asPlus ? this.#plus(node, next) : this.#star(node, next);
      if (asPlus && min === 0) start = this.#either(start, next, greedy);
      needed = Math.max(0, min - 1);
    }
    for (let left = (max ?? min) - min; left > 0; left -= 1)
      start = this.#either(this.add(item, start), next, greedy);
    for (let left = needed; left > 0; left -= 1) start = this.add(item, start);
    return start;
  }

  #star({ item, greedy }: Extract<RegexpNode, { kind: "repeat" }>, next: number): number {
    const loop = this.#either(next, next, greedy);
    this.#aim(loop, this.add(item, loop), greedy);
    return loop;
  }

  #plus({ item, greedy }: Extract<RegexpNode, { kind: "repeat" }>, next: number): number {
    const loop = this.#either(next, next, greedy);
    const start = this.add(item, loop);
    this.#aim(loop, start, greedy);
    return start;
  }

  #either(item: number, exit: number, greedy: boolean): number {
    return this.push(
      greedy ? { kind: "split", next: item, other: exit } : { kind: "split", next: exit, other: item },
    );
  }

  /** Leads a loop's split back to the item. */
  #aim(loop: number, item: number, greedy: boolean): void {
    const step = this.steps[loop];
    if (step?.kind !== "split") return;
    if (greedy) step.next = item;
    else step.other = item;
  }
}

/** Whether an assertion holds before the code point at `at`. */
export function holds(what: Assertion, text: readonly number[], at: number): boolean {
  const [before, after] = [text[at - 1], text[at]];
  switch (what) {
    case "textStart":
      return before === undefined;
    case "textEnd":
      return after === undefined;
    case "lineStart":
      return before === undefined || before === 10;
    case "lineEnd":
      return after === undefined || after === 10;
    case "wordBoundary":
      return isWord(before) !== isWord(after);
    case "noWordBoundary":
      return isWord(before) === isWord(after);
    default:
      return unreachable(what);
  }
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && word(codePoint);
}

/** Text as code points, as Go's engine reads it. */
export function codePoints(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}
