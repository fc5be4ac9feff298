import { ProconsulError } from "../lib/errors.ts";

/** A configuration that cannot be used. The message is what the reference prints, all problems at once. */
export class ConfigError extends ProconsulError {
  readonly code = "config";
}

/** Several problems in the reference's list form (go-multierror), two line ends included. */
export function renderProblemList(problems: readonly string[]): string {
  const head = problems.length === 1 ? "1 error occurred:" : `${problems.length} errors occurred:`;
  return `${head}\n\t${problems.map((problem) => `* ${problem}`).join("\n\t")}\n\n`;
}

/**
 * Collects what is wrong with a configuration, and what is merely odd, while it is read.
 *
 * The reference stops at most problems and prints the sentence alone; a few kinds it collects and prints as
 * a list. Here all are collected: one alone is printed as the reference would, several as a list.
 */
export class Problems {
  readonly #problems = new Set<string>();
  readonly #warnings: string[] = [];
  #listed = false;

  /** A problem that the reference prints as a plain sentence. */
  stop(problem: string): void {
    this.#problems.add(problem);
  }

  /** A problem that the reference prints in a list, even when it is the only one. */
  add(problem: string): void {
    this.#listed = true;
    this.#problems.add(problem);
  }

  warn(warning: string): void {
    this.#warnings.push(warning);
  }

  get count(): number {
    return this.#problems.size;
  }

  /** In the order in which they were found. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Throws `ConfigError` with everything found so far, if anything was. */
  throwIfAny(): void {
    const [first, ...others] = this.#problems;
    if (first === undefined) return;
    const alone = others.length === 0 && !this.#listed;
    throw new ConfigError(alone ? first : renderProblemList([first, ...others]));
  }
}
