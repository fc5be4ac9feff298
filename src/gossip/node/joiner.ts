/**
 * Joining: what operators write becomes addresses, each is tried, and what came of it is counted.
 *
 * Source: memberlist's and serf's Join, whose texts these are.
 */
import type { Log } from "../../lib/log.ts";
import { hostPort, type Net } from "../../lib/net.ts";
import type { SwimInput } from "../core/swim-effects.ts";
import { resolveJoinAddress, type JoinTarget } from "./join-address.ts";
import { textOf } from "./network-text.ts";
import { Pending } from "./pending.ts";

/** What came of joining through several addresses. */
export interface JoinTally {
  readonly joinedCount: number;
  /** One sentence for each address that failed. */
  readonly problems: readonly string[];
}

export interface JoinerParts {
  readonly net: Net;
  readonly log: Log;
  readonly portDefault: number;
  readonly input: (input: SwimInput) => void;
}

export class Joiner {
  readonly #parts: JoinerParts;
  /** Answered with the problem, or `undefined`. */
  readonly #pending = new Pending<string | undefined>();

  constructor(parts: JoinerParts) {
    this.#parts = parts;
  }

  /** Tries every address behind every text, one after the other. Never rejects. */
  async joinAll(texts: readonly string[]): Promise<JoinTally> {
    const { net, log, portDefault } = this.#parts;
    const problems: string[] = [];
    let joinedCount = 0;
    for (const text of texts) {
      let targets: readonly JoinTarget[];
      try {
        targets = await resolveJoinAddress(net, text, portDefault);
      } catch (error) {
        problems.push(`Failed to resolve ${text}: ${textOf(error)}`);
        log.warn(`memberlist: Failed to resolve ${text}: ${textOf(error)}`);
        continue;
      }
      for (const target of targets) {
        const problem = await this.joinOne(target);
        if (problem === undefined) joinedCount += 1;
        else {
          const sentence = `Failed to join ${hostPort(target.to)}: ${problem}`;
          problems.push(sentence);
          log.debug(`memberlist: ${sentence}`);
        }
      }
    }
    return { joinedCount, problems };
  }

  /** Why it did not work, or `undefined`. Never rejects. */
  joinOne({ to, node }: JoinTarget): Promise<string | undefined> {
    return this.#pending.open((joinId) =>
      this.#parts.input({ kind: "join", joinId, to, ...(node === undefined ? {} : { node }) }),
    );
  }

  /** SWIM's word on one address. */
  joined(joinId: number, problem: string | undefined): void {
    this.#pending.settle(joinId, problem);
  }

  /** Refuses everything that is still waited for, and whatever is asked for later. */
  close(problem: string): void {
    this.#pending.close(problem);
  }
}
