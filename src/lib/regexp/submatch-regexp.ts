/**
 * What the groups of a pattern matched, in time linear in the text.
 *
 * The automaton of `linear-regexp.ts`, with its places in order of preference: a place that is reached twice keeps
 * the better way to it, with what that way noted of the groups; once the end is reached, only what would have been
 * preferred goes on. That is the match that Perl, JavaScript and Go find, without their backtracking.
 * Source: Pike's algorithm, https://swtch.com/~rsc/regexp/regexp2.html.
 */
import { codePoints, compileProgram, holds, type RegexpProgram, type Step } from "./program.ts";

/** Places in the text by slot; -1 where a group took no part. */
type Slots = readonly number[];

/** A place of the automaton, with what was noted on the way there. */
interface Thread {
  readonly place: number;
  readonly slots: Slots;
}

/** A compiled pattern. Immutable. */
export class SubmatchRegexp {
  readonly #program: RegexpProgram;

  private constructor(program: RegexpProgram) {
    this.#program = program;
  }

  /** Compiles a pattern of Go's syntax, or says why it is none, in Go's words. */
  static compile(source: string): SubmatchRegexp | { readonly problem: string } {
    const program = compileProgram(source, { saves: true });
    return "problem" in program ? program : new SubmatchRegexp(program);
  }

  /**
   * The leftmost match: all of it, then what each group matched, "" for those that took no part; `undefined` if the
   * text does not match. As Go's `FindStringSubmatch`.
   */
  match(text: string): readonly string[] | undefined {
    const points = codePoints(text);
    const slots = new Search(this.#program, points).run();
    if (slots === undefined) return undefined;
    return Array.from({ length: this.#program.groupCount + 1 }, (_, group) => {
      const [start = -1, end = -1] = slots.slice(2 * group, 2 * group + 2);
      return start < 0 || end < 0 ? "" : String.fromCodePoint(...points.slice(start, end));
    });
  }
}

/** One text against one program. */
class Search {
  readonly #steps: readonly Step[];
  readonly #start: number;
  readonly #text: readonly number[];
  readonly #slotCount: number;
  /** Per step, the last position at which it was entered. */
  readonly #entered: Int32Array;

  constructor({ steps, start, groupCount }: RegexpProgram, text: readonly number[]) {
    this.#steps = steps;
    this.#start = start;
    this.#text = text;
    this.#slotCount = 2 * (groupCount + 1);
    this.#entered = new Int32Array(steps.length).fill(-1);
  }

  run(): Slots | undefined {
    let best: Slots | undefined;
    let threads: Thread[] = [];
    for (let at = 0; at <= this.#text.length; at += 1) {
      // A match that starts later is preferred to none only.
      if (best === undefined) {
        const slots = Array.from({ length: this.#slotCount }, (_, slot) => (slot === 0 ? at : -1));
        this.#enter({ place: this.#start, slots }, at, threads);
      } else if (threads.length === 0) break;
      const later: Thread[] = [];
      for (const { place, slots } of threads) {
        const step = this.#steps[place];
        if (step?.kind === "match") {
          best = slots.with(1, at);
          break;
        }
        const codePoint = this.#text[at];
        if (step?.kind === "set" && codePoint !== undefined && step.has(codePoint))
          this.#enter({ place: step.next, slots }, at + 1, later);
      }
      threads = later;
    }
    return best;
  }

  /** Adds every set, and the end, that can be reached without a character, the preferred ones first. */
  #enter(from: Thread, at: number, threads: Thread[]): void {
    const pending = [from];
    for (let thread = pending.pop(); thread !== undefined; thread = pending.pop()) {
      const { place, slots } = thread;
      const step = this.#steps[place];
      if (step === undefined || this.#entered[place] === at) continue;
      this.#entered[place] = at;
      if (step.kind === "set" || step.kind === "match") threads.push(thread);
      else if (step.kind === "split") pending.push({ place: step.other, slots }, { place: step.next, slots });
      else if (step.kind === "save") pending.push({ place: step.next, slots: slots.with(step.slot, at) });
      else if (holds(step.what, this.#text, at)) pending.push({ place: step.next, slots });
    }
  }
}
