/**
 * A service's instances as prepared records, made when one is first wanted, and a fair choice among them.
 *
 * The order is shuffled only as far as instances are taken. It is not put back: a random order that is shuffled once
 * more is random all the same.
 */
import { dnsType } from "../wire/dns/message.ts";
import type { NameTable } from "./prepared-names.ts";
import { prepareRecord, type PreparedRecord } from "./prepared-records.ts";
import { instanceRecords, metaRecords, nodeName, portOf, targetOf } from "./records.ts";
import type { Choice } from "./sources.ts";

/** What an instance adds to an answer. */
export interface Part {
  readonly answer: PreparedRecord;
  /** What belongs beside it: the address that it names first. */
  readonly extras: readonly PreparedRecord[];
  /** Parts with the same number stand for the same. */
  readonly same: number;
  /** At least so many bytes are added. */
  readonly bytesMin: number;
}

export class InstanceParts {
  readonly #choice: Choice;
  readonly #names: NameTable;
  readonly #random: (limit: number) => number;
  /** Indexes of instances. */
  readonly #order: Uint32Array;
  /** By index; "none" adds nothing. */
  readonly #parts: (Part | "none" | undefined)[];
  readonly #sames = new Map<string, number>();
  /** By number of the same: the choice that it was last part of. */
  readonly #takenIn: number[] = [];
  #choices = 0;

  constructor(choice: Choice, names: NameTable, random: (limit: number) => number) {
    this.#choice = choice;
    this.#names = names;
    this.#random = random;
    this.#order = Uint32Array.from(choice.nodes, (_, index) => index);
    this.#parts = Array.from({ length: choice.nodes.length }, () => undefined);
  }

  /**
   * At most `limit` different parts in random order; `undefined` if one of them is a name that has to be looked up.
   * Throws `DnsEncodeError` if DNS cannot carry a name.
   */
  pick(limit: number): readonly Part[] | undefined {
    this.#choices += 1;
    const order = this.#order;
    const picked: Part[] = [];
    for (let index = 0; index < order.length && picked.length < limit; index += 1) {
      const other = index + this.#random(order.length - index);
      const chosen = order[other] ?? 0;
      order[other] = order[index] ?? 0;
      order[index] = chosen;
      const part = (this.#parts[chosen] ??= this.#make(chosen) ?? undefined);
      if (part === undefined) return undefined;
      if (part === "none" || this.#takenIn[part.same] === this.#choices) continue;
      this.#takenIn[part.same] = this.#choices;
      picked.push(part);
    }
    return picked;
  }

  #make(index: number): Part | "none" | undefined {
    const { nodes, context } = this.#choice;
    const instance = nodes[index];
    const node = instance?.Node ?? undefined;
    if (instance === undefined || node === undefined) return "none";
    const target = targetOf(context, instance);
    if (target.kind === "name") return undefined;
    const { answers, additional } = instanceRecords(context, instance, { target, resolved: [] });
    const [answer] = answers;
    if (answer === undefined || target.kind === "none") return "none";
    const isService = context.questionType === dnsType.SRV;
    const metas =
      isService && context.settings.nodeMetaTxt
        ? metaRecords(nodeName(context, node.Node), node.Meta, context.ttl)
        : [];
    const same = isService
      ? `${node.Node}:${instance.Service?.Address ?? ""}:${portOf(context, instance)}`
      : target.address.bytes.join(".");
    const own = prepareRecord(this.#names, answer);
    const extras = [...additional, ...metas].map((record) => prepareRecord(this.#names, record));
    const bytesMin = extras.reduce((sum, extra) => sum + extra.bytesMin, own.bytesMin);
    return { answer: own, extras, same: this.#numberOf(same), bytesMin };
  }

  #numberOf(same: string): number {
    const known = this.#sames.get(same);
    if (known !== undefined) return known;
    this.#sames.set(same, this.#sames.size);
    return this.#sames.size - 1;
  }
}
