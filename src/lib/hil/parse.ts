/** Tokens of a text with expressions, read into a tree. Source: HIL's grammar; texts of errors are HIL's. */
import { unreachable } from "../assert.ts";
import { scan, tokenName, type Position, type Token, type TokenKind } from "./scan.ts";

/** A value: text, a whole number, a number, or truth. */
export type HilValue = string | bigint | number | boolean;

export type LogicOperator = "||" | "&&";
export type EqualityOperator = "==" | "!=";
export type OrderOperator = "<" | "<=" | ">" | ">=";
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";
export type Operator = LogicOperator | EqualityOperator | OrderOperator | ArithmeticOperator;

export type HilNode =
  | { readonly kind: "literal"; readonly value: HilValue; readonly at: Position }
  | { readonly kind: "variable"; readonly name: string; readonly at: Position }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly HilNode[]; readonly at: Position }
  | { readonly kind: "index"; readonly target: HilNode; readonly key: HilNode; readonly at: Position }
  | {
      readonly kind: "operation";
      readonly operator: Operator;
      readonly operands: readonly [HilNode, HilNode];
      readonly at: Position;
    }
  | {
      readonly kind: "conditional";
      readonly condition: HilNode;
      readonly yes: HilNode;
      readonly no: HilNode;
      readonly at: Position;
    }
  /** Parts that are put together to a text. */
  | { readonly kind: "output"; readonly parts: readonly HilNode[]; readonly at: Position };

/** The text is no template, or cannot be evaluated: the message says where and why. */
export class HilError extends Error {
  override readonly name = "HilError";
}

/** Lowest precedence first; operators of a level go from left to right. */
const levels: readonly (readonly Operator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  [">", ">=", "<", "<="],
  ["+", "-"],
  ["*", "/", "%"],
];
/** Expressions inside expressions. HIL has no limit, and overflows its stack. */
const depthMax = 100;
const int64Max = (1n << 63n) - 1n;

/** Reads a text. Throws `HilError`. */
export function parseHil(text: string): HilNode {
  return new Parser(scan(text)).sequence("literal", "eof");
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Literals and expressions up to a token of the kind `end`. */
  sequence(literal: "literal" | "string", end: "eof" | "closeQuote"): HilNode {
    const { at } = this.#peek();
    if (literal === "string") this.#read();
    const parts: HilNode[] = [];
    for (let token = this.#read(); token.kind !== end; token = this.#read()) {
      if (token.kind === literal) parts.push({ kind: "literal", value: unescape(token), at: token.at });
      else if (token.kind === "begin") {
        parts.push(this.#expression());
        this.#expect("end", '"}"');
      } else throw expected('"${"', token);
    }
    const [first] = parts;
    if (first === undefined) return { kind: "literal", value: "", at };
    const isText = parts.length === 1 && first.kind === "literal" && typeof first.value === "string";
    return isText ? first : { kind: "output", parts, at };
  }

  #expression(): HilNode {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new HilError("expression nests too deeply");
    const node = this.#conditional();
    this.#depth -= 1;
    return node;
  }

  #conditional(): HilNode {
    const { at } = this.#peek();
    const condition = this.#operations(0);
    if (!this.#takeSymbol("?")) return condition;
    const yes = this.#expression();
    if (!this.#takeSymbol(":")) throw expected(":", this.#read());
    return { kind: "conditional", condition, yes, no: this.#expression(), at };
  }

  #operations(level: number): HilNode {
    const operators = levels[level];
    if (operators === undefined) return this.#term();
    const { at } = this.#peek();
    let left = this.#operations(level + 1);
    for (;;) {
      const operator = operators.find((one) => this.#takeSymbol(one));
      if (operator === undefined) return left;
      left = { kind: "operation", operator, operands: [left, this.#operations(level + 1)], at };
    }
  }

  #term(): HilNode {
    const token = this.#peek();
    const { kind, text, at } = token;
    switch (kind) {
      case "openQuote":
        return this.#nested(() => this.sequence("string", "closeQuote"));
      case "integer":
        this.#read();
        return { kind: "literal", value: integer(token), at };
      case "float":
        this.#read();
        return { kind: "literal", value: Number(text), at };
      case "bool":
        this.#read();
        return { kind: "literal", value: text === "true", at };
      case "identifier":
        return this.#named(this.#read());
      case "symbol":
        return this.#symbolTerm(token);
      case "begin":
      case "end":
      case "closeQuote":
      case "literal":
      case "string":
      case "invalid":
      case "eof":
        throw expected("expression", token);
      default:
        return unreachable(kind);
    }
  }

  #symbolTerm(token: Token): HilNode {
    const { at } = token;
    if (this.#takeSymbol("(")) {
      const inner = this.#expression();
      this.#expectSymbol(")");
      return inner;
    }
    // There are no signs: `-x` is `0 - x`, and `!x` is `false == x`.
    if (this.#takeSymbol("-")) {
      const zero: HilNode = { kind: "literal", value: 0n, at };
      return { kind: "operation", operator: "-", operands: [zero, this.#nested(() => this.#term())], at };
    }
    if (this.#takeSymbol("!")) {
      const no: HilNode = { kind: "literal", value: false, at };
      return { kind: "operation", operator: "==", operands: [no, this.#nested(() => this.#term())], at };
    }
    throw expected("expression", token);
  }

  #nested(read: () => HilNode): HilNode {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new HilError("expression nests too deeply");
    const node = read();
    this.#depth -= 1;
    return node;
  }

  /** A variable, one of its members, or a call. */
  #named({ text: name, at }: Token): HilNode {
    if (this.#takeSymbol("(")) {
      const args: HilNode[] = [];
      while (!this.#seesSymbol(")")) {
        args.push(this.#expression());
        if (!this.#takeSymbol(",")) break;
      }
      this.#expectSymbol(")");
      return { kind: "call", name, args, at };
    }
    const target: HilNode = { kind: "variable", name, at };
    const bracket = this.#peek().at;
    if (!this.#takeSymbol("[")) return target;
    const key = this.#expression();
    this.#expectSymbol("]");
    return { kind: "index", target, key, at: bracket };
  }

  /** After the end there is only the end. */
  #peek(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  #read(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #seesSymbol(text: string): boolean {
    const token = this.#peek();
    return token.kind === "symbol" && token.text === text;
  }

  #takeSymbol(text: string): boolean {
    if (!this.#seesSymbol(text)) return false;
    this.#next += 1;
    return true;
  }

  #expect(kind: TokenKind, shown: string): void {
    const token = this.#read();
    if (token.kind !== kind) throw expected(shown, token);
  }

  #expectSymbol(text: string): void {
    if (!this.#takeSymbol(text)) throw expected(`"${text}"`, this.#read());
  }
}

function expected(wanted: string, found: Token): HilError {
  return parseError(found.at, `expected ${wanted} but found ${tokenName(found)}`);
}

function parseError({ line, column }: Position, text: string): HilError {
  return new HilError(`parse error at ${line}:${column}: ${text}`);
}

function integer({ text, at }: Token): bigint {
  const value = BigInt(text);
  if (value > int64Max)
    throw parseError(at, `invalid integer: strconv.Atoi: parsing "${text}": value out of range`);
  return value;
}

/** `$$` is a dollar; in strings a backslash is written twice, and `\n` and `\"` mean what they do elsewhere. */
function unescape({ kind, text, at }: Token): string {
  const dollars = text.replace(/\$\$/gu, "$$");
  if (kind === "literal" || !dollars.includes("\\")) return dollars;
  let out = "";
  for (let index = 0; index < text.length; index += 1) {
    const [one, two] = [text[index], text[index + 1]];
    if (one === "$" && two === "$") index += 1;
    if (one !== "\\") {
      out += one;
      continue;
    }
    const escaped = two === "\\" ? "\\" : two === "n" ? "\n" : two === '"' ? '"' : undefined;
    if (escaped === undefined) {
      const column = at.column + Array.from(text.slice(0, index)).length;
      const what = two === undefined ? "unfinished" : "invalid";
      throw parseError({ ...at, column }, `${what} backslash escape sequence`);
    }
    out += escaped;
    index += 1;
  }
  return out;
}
