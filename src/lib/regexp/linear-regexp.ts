/**
 * Regular expressions that match in time linear in the text, whoever wrote them.
 *
 * JavaScript's engine backtracks: `(a+)+$` on thirty letters takes seconds. Patterns here come from peers and
 * clients, so they are matched as RE2 does it: as an automaton that is in many places at once, each entered at most
 * once a character. Cost: (length of the text) × (size of the pattern, counted repetition written out), and the size
 * is limited.
 * Source: Thompson 1968; https://swtch.com/~rsc/regexp/regexp2.html.
 */
import { unreachable } from "../assert.ts";
import { word } from "./classes.ts";
import { parseRegexp } from "./parse.ts";
import { RegexpRefusal, type Assertion, type CodePointSet, type RegexpNode } from "./syntax.ts";

/** Most steps of a program; beyond it a pattern is refused. 5,000 steps on 500 characters stay in the milliseconds. */
const stepsMax = 5_000;

type Step =
  | { readonly kind: "set"; readonly has: CodePointSet; readonly next: number }
  | { readonly kind: "assertion"; readonly what: Assertion; readonly next: number }
  | { readonly kind: "split"; readonly next: number; other: number }
  | { readonly kind: "match" };

/** A compiled pattern. Immutable. */
export class LinearRegexp {
  readonly #steps: readonly Step[];
  readonly #start: number;

  private constructor(steps: readonly Step[], start: number) {
    this.#steps = steps;
    this.#start = start;
  }

  /** Compiles a pattern of Go's syntax, or says why it is none, in Go's words. */
  static compile(source: string): LinearRegexp | { readonly problem: string } {
    try {
      const builder = new Builder(source);
      const start = builder.add(parseRegexp(source), builder.push({ kind: "match" }));
      return new LinearRegexp(builder.steps, start);
    } catch (error) {
      if (error instanceof RegexpRefusal) return { problem: `error parsing regexp: ${error.message}` };
      throw error;
    }
  }

  /** Whether the text matches anywhere. */
  test(text: string): boolean {
    const run = new Run(this.#steps, text);
    return run.matches(this.#start);
  }
}

/** Writes a program from its end to its start, so that each step knows the next. */
class Builder {
  readonly steps: Step[] = [];
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
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
      case "sequence": {
        let start = next;
        for (const item of node.items.toReversed()) start = this.add(item, start);
        return start;
      }
      case "choice":
        return node.items
          .map((item) => this.add(item, next))
          .reduce((one, other) => this.push({ kind: "split", next: one, other }));
      case "repeat":
        return this.#repeat(node, next);
      default:
        return unreachable(node);
    }
  }

  #repeat({ item, min, max }: Extract<RegexpNode, { kind: "repeat" }>, next: number): number {
    let start = next;
    if (max === undefined) {
      const loop = this.push({ kind: "split", next, other: next });
      const step = this.steps[loop];
      if (step?.kind === "split") step.other = this.add(item, loop);
      start = loop;
    }
    for (let left = (max ?? min) - min; left > 0; left -= 1)
      start = this.push({ kind: "split", next, other: this.add(item, start) });
    for (let left = min; left > 0; left -= 1) start = this.add(item, start);
    return start;
  }
}

/** One text against one program. */
class Run {
  readonly #steps: readonly Step[];
  readonly #text: readonly number[];
  /** Per step, the last position at which it was entered. */
  readonly #entered: Int32Array;

  constructor(steps: readonly Step[], text: string) {
    this.#steps = steps;
    this.#text = Array.from(text, (character) => character.codePointAt(0) ?? 0);
    this.#entered = new Int32Array(steps.length).fill(-1);
  }

  matches(start: number): boolean {
    let places: number[] = [];
    for (let at = 0; at <= this.#text.length; at += 1) {
      // A match may start anywhere. What was entered on the way here stays entered.
      if (this.#enter(start, at, places)) return true;
      const codePoint = this.#text[at];
      if (codePoint === undefined) return false;
      const later: number[] = [];
      for (const place of places) {
        const step = this.#steps[place];
        if (step?.kind === "set" && step.has(codePoint) && this.#enter(step.next, at + 1, later)) return true;
      }
      places = later;
    }
    return false;
  }

  /** Adds every set that can be reached from a step without a character. Answers whether the end can. */
  #enter(from: number, at: number, places: number[]): boolean {
    const pending = [from];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (this.#entered[index] === at) continue;
      this.#entered[index] = at;
      const step = this.#steps[index];
      if (step === undefined) continue;
      if (step.kind === "match") return true;
      if (step.kind === "set") places.push(index);
      else if (step.kind === "split") pending.push(step.next, step.other);
      else if (this.#holds(step.what, at)) pending.push(step.next);
    }
    return false;
  }

  #holds(what: Assertion, at: number): boolean {
    const [before, after] = [this.#text[at - 1], this.#text[at]];
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
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && word(codePoint);
}
