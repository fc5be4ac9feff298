/**
 * Regular expressions that match in time linear in the text, whoever wrote them.
 *
 * JavaScript's engine backtracks: `(a+)+$` on thirty letters takes seconds. Patterns here come from peers and
 * clients, so they are matched as RE2 does it: as an automaton that is in many places at once, each entered at most
 * once a character. Cost: (length of the text) × (size of the pattern, counted repetition written out), and the size
 * is limited.
 * Source: Thompson 1968; https://swtch.com/~rsc/regexp/regexp2.html.
 */
import { codePoints, compileProgram, holds, type RegexpProgram, type Step } from "./program.ts";

/** A compiled pattern. Immutable. */
export class LinearRegexp {
  readonly #program: RegexpProgram;

  private constructor(program: RegexpProgram) {
    this.#program = program;
  }

  /** Compiles a pattern of Go's syntax, or says why it is none, in Go's words. */
  static compile(source: string): LinearRegexp | { readonly problem: string } {
    const program = compileProgram(source, { saves: false });
    return "problem" in program ? program : new LinearRegexp(program);
  }

  /** Whether the text matches anywhere. */
  test(text: string): boolean {
    const run = new Run(this.#program.steps, text);
    return run.matches(this.#program.start);
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
    this.#text = codePoints(text);
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
      else if (step.kind === "save" || holds(step.what, this.#text, at)) pending.push(step.next);
    }
    return false;
  }
}
