/**
 * Templates: texts with expressions over a few named texts and functions of a number.
 *
 * HIL knows its types before it evaluates, and evaluates everything, also what a condition leaves out: a
 * template whose branch divides by nought is none. Expressions are checked anew for each evaluation in HIL; here once,
 * since the names and their types are the same each time.
 * Source: HIL, https://github.com/hashicorp/hil, with the names and functions of the reference's prepared queries.
 */
import { unreachable } from "../assert.ts";
import { conversion, typeName, typeOf, type HilType } from "./convert.ts";
import {
  HilError,
  parseHil,
  type ArithmeticOperator,
  type HilNode,
  type HilValue,
  type LogicOperator,
  type OrderOperator,
} from "./parse.ts";
import type { Position } from "./scan.ts";

/** The names that a template may use: texts, and functions of one whole number that give a text. */
export interface HilNames {
  readonly variables: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
}

/** What the names stand for in one evaluation. */
export interface HilScope {
  variable(name: string): string;
  call(name: string, argument: bigint): string;
}

interface Typed {
  readonly type: HilType;
  value(scope: HilScope): HilValue;
}

/** A text that was read. Immutable. */
export class HilTemplate {
  readonly #node: HilNode;

  private constructor(node: HilNode) {
    this.#node = node;
  }

  /** Reads a text. Throws `HilError` if it is no template. */
  static parse(text: string): HilTemplate {
    return new HilTemplate(parseHil(text));
  }

  /** Checks names and types. Throws `HilError`. The text that the answer gives for a scope may throw it too. */
  check(names: HilNames): (scope: HilScope) => string {
    checkNames(this.#node, names);
    const typed = asText(typedOf(this.#node), this.#node.at, 1);
    return (scope) => String(typed.value(scope));
  }
}

/** Names first, since they are told before types. */
function checkNames(node: HilNode, names: HilNames): void {
  for (const child of children(node)) checkNames(child, names);
  const fail = (text: string): never => {
    throw new HilError(`${node.at.line}:${node.at.column}: ${text}`);
  };
  if (node.kind === "variable" && !names.variables.has(node.name))
    fail(`unknown variable accessed: ${node.name}`);
  if (node.kind !== "call") return;
  if (!names.functions.has(node.name)) fail(`unknown function called: ${node.name}`);
  if (node.args.length !== 1) fail(`${node.name}: expected 1 arguments, got ${node.args.length}`);
}

function children(node: HilNode): readonly HilNode[] {
  switch (node.kind) {
    case "literal":
    case "variable":
      return [];
    case "call":
      return node.args;
    case "index":
      return [node.target, node.key];
    case "operation":
      return node.operands;
    case "conditional":
      return [node.condition, node.yes, node.no];
    case "output":
      return node.parts;
    default:
      return unreachable(node);
  }
}

function typedOf(node: HilNode): Typed {
  switch (node.kind) {
    case "literal":
      return { type: typeOf(node.value), value: () => node.value };
    case "variable":
      return { type: "string", value: (scope) => scope.variable(node.name) };
    case "call":
      return typedCall(node);
    case "index":
      typedOf(node.target);
      typedOf(node.key);
      throw typeError(node.at, "invalid index operation into non-indexable type: TypeString");
    case "operation":
      return typedOperation(node);
    case "conditional":
      return typedConditional(node);
    case "output": {
      const parts = node.parts.map(typedOf).map((part, index) => asText(part, node.at, index + 1));
      return { type: "string", value: (scope) => parts.map((part) => part.value(scope)).join("") };
    }
    default:
      return unreachable(node);
  }
}

function typeError({ line, column }: Position, text: string): HilError {
  return new HilError(`At column ${column}, line ${line}: ${text}`);
}

/** The same as another type; `undefined` if it does not convert. */
function converted(typed: Typed, to: HilType): Typed | undefined {
  const convert = conversion(typed.type, to);
  return convert === undefined ? undefined : { type: to, value: (scope) => convert(typed.value(scope)) };
}

function asText(typed: Typed, at: Position, argument: number): Typed {
  const text = converted(typed, "string");
  if (text !== undefined) return text;
  const found = `(argument ${argument} is ${typeName[typed.type]})`;
  throw typeError(at, `output of an HIL expression must be a string, or a single list ${found}`);
}

function typedCall(node: Extract<HilNode, { kind: "call" }>): Typed {
  const { name, at } = node;
  const [given] = node.args.map(typedOf);
  const argument = given === undefined ? undefined : converted(given, "int");
  if (argument === undefined)
    throw typeError(at, `${name}: argument 1 should be type int, got type ${given?.type ?? "int"}`);
  return { type: "string", value: (scope) => scope.call(name, argument.value(scope) as bigint) };
}

type Operands = readonly [Typed, Typed];
type Operation = Extract<HilNode, { kind: "operation" }>;

function typedOperation(node: Operation): Typed {
  const operands: Operands = [typedOf(node.operands[0]), typedOf(node.operands[1])];
  const { operator } = node;
  switch (operator) {
    case "&&":
    case "||":
      return typedLogic(node, operator, operands);
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return typedArithmetic(node, operator, operands);
    case "==":
    case "!=": {
      // The first operand says what is compared.
      const [left, right] = operandsAs(node, operands, operands[0].type);
      const wanted = operator === "==";
      return { type: "bool", value: (scope) => (left.value(scope) === right.value(scope)) === wanted };
    }
    case "<":
    case "<=":
    case ">":
    case ">=": {
      const [left, right] = operandsAs(node, operands, numberType(operands));
      return { type: "bool", value: (scope) => order[operator](left.value(scope), right.value(scope)) };
    }
    default:
      return unreachable(operator);
  }
}

const order: Readonly<Record<OrderOperator, (left: HilValue, right: HilValue) => boolean>> = {
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** One number with a fraction makes all of them such. */
function numberType([left, right]: Operands): "int" | "float" {
  return left.type === "float" || right.type === "float" ? "float" : "int";
}

function operandsAs(node: Operation, operands: Operands, type: HilType): Operands {
  const [left, right] = operands.map((operand, index) => {
    const same = converted(operand, type);
    if (same !== undefined) return same;
    const wanted = `operand ${index + 1} should be ${typeName[type]}`;
    throw typeError(node.at, `${wanted}, got ${typeName[operand.type]}`);
  });
  return [left as Typed, right as Typed];
}

function typedLogic(node: Operation, operator: LogicOperator, operands: Operands): Typed {
  const [left, right] = operands.map((operand) => {
    const truth = converted(operand, "bool");
    if (truth !== undefined) return truth;
    throw typeError(node.at, `logical operators require boolean operands, not ${typeName[operand.type]}`);
  }) as [Typed, Typed];
  return {
    type: "bool",
    value: (scope) => {
      // Both are evaluated, whatever the first says.
      const [one, other] = [left.value(scope), right.value(scope)];
      return operator === "&&" ? one === true && other === true : one === true || other === true;
    },
  };
}

function typedArithmetic(node: Operation, operator: ArithmeticOperator, operands: Operands): Typed {
  const type = numberType(operands);
  const [left, right] = operandsAs(node, operands, type);
  if (type === "int") {
    const whole = integers[operator];
    return { type, value: (scope) => whole(left.value(scope) as bigint, right.value(scope) as bigint) };
  }
  if (operator === "%") throw typeError(node.at, "modulo cannot be used with floats");
  const real = floats[operator];
  return { type, value: (scope) => real(Number(left.value(scope)), Number(right.value(scope))) };
}

const floats: Readonly<Record<Exclude<ArithmeticOperator, "%">, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};

/** In 64 bits, which overflow in silence. */
const integers: Readonly<Record<ArithmeticOperator, (left: bigint, right: bigint) => bigint>> = {
  "+": (left, right) => BigInt.asIntN(64, left + right),
  "-": (left, right) => BigInt.asIntN(64, left - right),
  "*": (left, right) => BigInt.asIntN(64, left * right),
  "/": (left, right) => BigInt.asIntN(64, left / nonZero(right)),
  "%": (left, right) => left % nonZero(right),
};

function nonZero(divisor: bigint): bigint {
  if (divisor === 0n) throw new HilError("__builtin_IntMath: divide by zero");
  return divisor;
}

function typedConditional(node: Extract<HilNode, { kind: "conditional" }>): Typed {
  const [given, yes, no] = [typedOf(node.condition), typedOf(node.yes), typedOf(node.no)];
  const condition = converted(given, "bool");
  if (condition === undefined)
    throw typeError(node.at, `condition must be type bool, not type ${given.type}`);
  // Text may stand for another type, so the other branch says what both are.
  const type = yes.type === "string" ? no.type : yes.type;
  const [first, second] = [converted(yes, type), converted(no, type)];
  if (first === undefined || second === undefined) {
    const have = `have type ${yes.type} and type ${no.type}`;
    throw typeError(node.at, `true and false expression types must match; ${have}`);
  }
  return {
    type,
    value: (scope) => {
      const [isTrue, one, other] = [condition.value(scope), first.value(scope), second.value(scope)];
      return isTrue === true ? one : other;
    },
  };
}
