/** What is fuzzed: something that takes bytes from outside and must answer or refuse, whatever they are. */
import { ProconsulError } from "../../src/lib/errors.ts";
import { HilError } from "../../src/lib/hil/parse.ts";
import { RegexpRefusal } from "../../src/lib/regexp/syntax.ts";

/** How inputs are made from those that are known to be good. `course`: bytes that are read as decisions. */
export type InputForm = "bytes" | "msgpack" | "text" | "course";

/** Opened, with whatever state it keeps between inputs. */
export interface FuzzTarget {
  /** Well-formed inputs, to be spoiled. */
  readonly seeds: readonly Uint8Array[];
  /** Takes one input. Throws only for a bug: refusals are caught inside. */
  run(input: Uint8Array): void;
}

/** A target by name. */
export interface FuzzTargetPlan {
  /** Unique; what `--only` names. */
  readonly name: string;
  readonly form: InputForm;
  /** Pieces that texts are made of, or values that bytes are spoiled with. */
  readonly words?: readonly string[];
  open(): FuzzTarget;
}

/** The foreseen way to say no. Everything else that is thrown is a crash. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProconsulError || error instanceof HilError || error instanceof RegexpRefusal;
}

/** Runs `act`; answers `undefined` if it refused. Throws what is no refusal. */
export function refusable<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return undefined;
  }
}

/** A target without state. */
export function pure(
  plan: Omit<FuzzTargetPlan, "open"> & { readonly seeds: () => readonly Uint8Array[] },
  run: (input: Uint8Array) => void,
): FuzzTargetPlan {
  const { seeds, ...rest } = plan;
  return { ...rest, open: () => ({ seeds: seeds(), run: (input) => refuseOrRun(input, run) }) };
}

function refuseOrRun(input: Uint8Array, run: (input: Uint8Array) => void): void {
  refusable(() => run(input));
}

/** A target of text, in UTF-8. */
export function pureText(
  plan: { readonly name: string; readonly words: readonly string[]; readonly seeds: readonly string[] },
  run: (input: string) => void,
): FuzzTargetPlan {
  const { name, words, seeds } = plan;
  return pure({ name, words, form: "text", seeds: () => seeds.map(utf8) }, (input) =>
    run(new TextDecoder().decode(input)),
  );
}

/** The bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
