/** Evaluates a parsed template. Source: Go, text/template/exec.go, whose messages these are. */
import { quoteGo } from "../../lib/go-quote.ts";
import {
  isList,
  isTrue,
  renderValue,
  typeName,
  type ParameterType,
  type TemplateFunction,
  type Value,
} from "./template-values.ts";
import { shownNode, type Command, type Operand, type Pipeline, type Statement } from "./template-nodes.ts";
import { AddressTemplateError } from "./template-error.ts";

/** Values of a template's text, times the statements of ranges: more than any list of addresses needs. */
const outputCharactersMax = 65_536;

export interface RunOptions {
  readonly name: string;
  readonly input: string;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
}

/** The text of a template with `dot` as its input. Throws `AddressTemplateError` with the place. */
export function runTemplate(statements: readonly Statement[], dot: Value, options: RunOptions): string {
  const run = new Run(options, dot);
  run.statements(statements, dot);
  return run.output;
}

class Break extends Error {}
class Continue extends Error {}

class Run {
  output = "";
  readonly #options: RunOptions;
  readonly #variables: { name: string; value: Value }[];
  /** What is being evaluated, for messages. */
  #node: Operand | Command | undefined;

  constructor(options: RunOptions, dot: Value) {
    this.#options = options;
    this.#variables = [{ name: "$", value: dot }];
  }

  #fail(problem: string): never {
    const { name, input } = this.#options;
    const node = this.#node;
    if (node === undefined) throw new AddressTemplateError(`template: ${name}: ${problem}`);
    const before = input.slice(0, node.position).split("\n");
    const place = `${name}:${before.length}:${before.at(-1)?.length ?? 0}`;
    throw new AddressTemplateError(
      `template: ${place}: executing ${quoteGo(name)} at <${shownNode(node)}>: ${problem}`,
    );
  }

  statements(list: readonly Statement[], dot: Value): void {
    for (const one of list) {
      switch (one.kind) {
        case "text":
          this.#write(one.text);
          break;
        case "action":
          this.#action(one.pipeline, dot);
          break;
        case "if":
        case "with":
          this.#condition(one, dot);
          break;
        case "range":
          this.#range(one, dot);
          break;
        case "break":
          throw new Break();
        case "continue":
          throw new Continue();
        default:
          one satisfies never;
      }
    }
  }

  #write(text: string): void {
    this.output += text;
    if (this.output.length > outputCharactersMax) this.#fail("the output is too long");
  }

  #action(pipeline: Pipeline, dot: Value): void {
    const value = this.#pipeline(pipeline, dot);
    if (pipeline.variables.length > 0) return;
    this.#node = pipeline;
    this.#write(renderValue(value));
  }

  /** What is declared inside ends with it. */
  #scoped(run: () => void): void {
    const count = this.#variables.length;
    try {
      run();
    } finally {
      this.#variables.length = count;
    }
  }

  #condition(one: Statement & { readonly kind: "if" | "range" | "with" }, dot: Value): void {
    this.#scoped(() => {
      const value = this.#pipeline(one.pipeline, dot);
      const holds = isTrue(value);
      this.statements(holds ? one.body : one.otherwise, holds && one.kind === "with" ? value : dot);
    });
  }

  #range(one: Statement & { readonly kind: "if" | "range" | "with" }, dot: Value): void {
    this.#scoped(() => {
      const value = this.#pipeline({ ...one.pipeline, variables: [] }, dot);
      if (!isList(value) && value !== undefined && typeof value !== "number") {
        this.#node = one.pipeline;
        this.#fail(`range can't iterate over ${renderValue(value)}`);
      }
      const elements: readonly Value[] =
        typeof value === "number" ? Array.from({ length: Math.max(0, value) }, (_, at) => at) : (value ?? []);
      if (elements.length === 0) return this.statements(one.otherwise, dot);
      try {
        elements.forEach((element, index) => this.#round(one, { element, index }));
      } catch (error) {
        if (!(error instanceof Break)) throw error;
      }
    });
  }

  #round(
    one: Statement & { readonly kind: "if" | "range" | "with" },
    { element, index }: { readonly element: Value; readonly index: number },
  ): void {
    const { variables, isAssignment } = one.pipeline;
    const values = variables.length === 2 ? [index, element] : [element];
    this.#scoped(() => {
      variables.forEach((name, at) => this.#bind(name, values[at], isAssignment));
      try {
        this.statements(one.body, element);
      } catch (error) {
        if (!(error instanceof Continue)) throw error;
      }
    });
  }

  #bind(name: string, value: Value, isAssignment: boolean): void {
    const known = isAssignment ? this.#variables.findLast((one) => one.name === name) : undefined;
    if (known === undefined) this.#variables.push({ name, value });
    else known.value = value;
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    this.#node = pipeline;
    let piped: { readonly value: Value } | undefined;
    for (const command of pipeline.commands) piped = { value: this.#command(command, dot, piped) };
    for (const name of pipeline.variables) this.#bind(name, piped?.value, pipeline.isAssignment);
    return piped?.value;
  }

  #command(command: Command, dot: Value, piped: { readonly value: Value } | undefined): Value {
    const [first, ...rest] = command.operands;
    if (first.kind === "identifier") return this.#call(first, { command, given: rest, dot, piped });
    if (first.kind !== "pipeline") this.#node = first;
    if (rest.length > 0 || piped !== undefined) {
      this.#fail(`can't give argument to non-function ${shownNode(first)}`);
    }
    if (first.kind === "nil") this.#fail("nil is not a command");
    return this.#operand(first, dot);
  }

  #operand(node: Operand, dot: Value): Value {
    switch (node.kind) {
      case "bool":
      case "string":
        return node.value;
      case "number":
        return node.value;
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "pipeline":
        return this.#pipeline(node, dot);
      case "identifier":
        return this.#call(node, { command: node, given: [], dot, piped: undefined });
      case "field":
        return this.#fields(dot, node);
      case "chain":
        return this.#fields(this.#operand(node.base, dot), node);
      case "variable": {
        const found = this.#variables.findLast((one) => one.name === node.name);
        return this.#fields(found?.value, node);
      }
      default:
        return node satisfies never;
    }
  }

  #fields(base: Value, node: Operand & { readonly fields: readonly string[] }): Value {
    let value = base;
    for (const name of node.fields) {
      this.#node = node;
      const interfaceOf = typeof value === "object" && !isList(value) ? value.interface : undefined;
      if (interfaceOf === undefined || (name !== "Name" && name !== "Index" && name !== "MTU")) {
        this.#fail(`can't evaluate field ${name} in type ${typeName(value)}`);
      }
      value = { Name: interfaceOf.name, Index: interfaceOf.index, MTU: interfaceOf.mtu }[name];
    }
    return value;
  }

  #call(node: Operand & { readonly kind: "identifier" }, call: Call): Value {
    this.#node = node;
    const { name } = node;
    const { given, piped, command, dot } = call;
    const fn = this.#options.functions.get(name);
    if (fn === undefined) return this.#fail(`${quoteGo(name)} is not a defined function`);
    const count = given.length + (piped === undefined ? 0 : 1);
    const { parameters, rest } = fn;
    if (rest === undefined ? count !== parameters.length : count < parameters.length) {
      const wanted = rest === undefined ? parameters.length : `at least ${parameters.length}`;
      this.#fail(
        `wrong number of args for ${name}: want ${wanted} got ${rest === undefined ? count : given.length}`,
      );
    }
    const typeAt = (at: number): ParameterType => parameters[at] ?? rest ?? "any";
    const values = given.map((operand, at) => this.#argument(operand, typeAt(at), dot));
    if (piped !== undefined) values.push(this.#typed(piped.value, typeAt(given.length)));
    try {
      return fn.run(values);
    } catch (error) {
      if (!(error instanceof AddressTemplateError)) throw error;
      this.#node = command;
      return this.#fail(`error calling ${name}: ${error.message}`);
    }
  }

  #argument(node: Operand, type: ParameterType, dot: Value): Value {
    this.#node = node;
    const isLiteral = node.kind === "bool" || node.kind === "number" || node.kind === "string";
    return isLiteral ? this.#literal(node, type) : this.#typed(this.#operand(node, dot), type);
  }

  /** A literal, which must be written as what the function wants. */
  #literal(node: Operand & { readonly kind: "bool" | "number" | "string" }, type: ParameterType): Value {
    switch (type) {
      case "any":
        return node.value;
      case "string":
        return node.kind === "string" ? node.value : this.#fail(`expected string; found ${shownNode(node)}`);
      case "int":
      case "uint": {
        const integer = node.kind === "number" ? node.integer : undefined;
        if (integer !== undefined && (type === "int" || integer >= 0n)) return Number(integer);
        return this.#fail(`expected ${type === "int" ? "" : "unsigned "}integer; found ${shownNode(node)}`);
      }
      case "addresses":
        return this.#fail(`can't handle ${shownNode(node)} for arg of type sockaddr.IfAddrs`);
      default:
        return type satisfies never;
    }
  }

  #typed(value: Value, type: ParameterType): Value {
    if (type === "any") return value;
    const wanted = { string: "string", int: "int", uint: "uint", addresses: "sockaddr.IfAddrs" }[type];
    if (value === undefined && type === "addresses") return [];
    if (value === undefined) return this.#fail(`invalid value; expected ${wanted}`);
    const actual = typeName(value);
    if (actual !== wanted) this.#fail(`wrong type for value; expected ${wanted}; got ${actual}`);
    return value;
  }
}

interface Call {
  /** Named in messages of the function itself. */
  readonly command: Operand | Command;
  readonly given: readonly Operand[];
  readonly dot: Value;
  readonly piped: { readonly value: Value } | undefined;
}
