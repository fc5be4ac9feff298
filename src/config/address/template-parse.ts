/** From tokens to the parts of a template. Source: Go, text/template/parse/parse.go, whose messages these are. */
import { quoteGo } from "../../lib/go-quote.ts";
import { unquoteDouble, unquoteRaw } from "../../wire/filter/unquote.ts";
import { shownToken, TemplateLexer, type Token, type TokenKind } from "./template-lexer.ts";
import {
  shownNode,
  type Command,
  type NumberNode,
  type Operand,
  type Pipeline,
  type Statement,
} from "./template-nodes.ts";

/** Depth of parentheses and blocks. */
const depthMax = 100;

/** Why a template cannot be parsed; the message begins with its place. */
export class TemplateSyntaxError extends Error {}

/** What ends a list of statements. */
type End = "end" | "else" | "eof";

/** Parses a template. `isFunction` knows the functions; others are refused. Throws `TemplateSyntaxError`. */
export function parseTemplate(
  input: string,
  name: string,
  isFunction: (name: string) => boolean,
): readonly Statement[] {
  return new Parser(input, name, isFunction).parse();
}

class Parser {
  readonly #lexer: TemplateLexer;
  readonly #name: string;
  readonly #isFunction: (name: string) => boolean;
  readonly #ahead: Token[] = [];
  #line = 1;
  #depth = 0;
  #rangeDepth = 0;
  #variables: string[] = ["$"];

  constructor(input: string, name: string, isFunction: (name: string) => boolean) {
    this.#lexer = new TemplateLexer(input);
    this.#name = name;
    this.#isFunction = isFunction;
  }

  parse(): readonly Statement[] {
    const { statements, end } = this.#statements();
    if (end !== "eof") this.#fail(`unexpected {{${end}}}`);
    return statements;
  }

  #fail(problem: string): never {
    throw new TemplateSyntaxError(`template: ${this.#name}:${this.#line}: ${problem}`);
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind === "error") return this.#fail(token.text);
    return this.#fail(`unexpected ${shownToken(token)} in ${context}`);
  }

  #next(): Token {
    const ahead = this.#ahead.shift();
    if (ahead !== undefined) return ahead;
    const token = this.#lexer.next();
    this.#line = token.line;
    return token;
  }

  #peek(): Token {
    const token = this.#next();
    this.#ahead.unshift(token);
    return token;
  }

  #nextWord(): Token {
    let token = this.#next();
    while (token.kind === "space") token = this.#next();
    return token;
  }

  #peekWord(): Token {
    const token = this.#nextWord();
    this.#ahead.unshift(token);
    return token;
  }

  #expect(kind: TokenKind, context: string): Token {
    const token = this.#nextWord();
    return token.kind === kind ? token : this.#unexpected(token, context);
  }

  /** Statements up to `{{end}}`, `{{else}}` or the end of the template, and which of them it was. */
  #statements(): { readonly statements: readonly Statement[]; readonly end: End } {
    const statements: Statement[] = [];
    for (;;) {
      const token = this.#nextWord();
      if (token.kind === "eof") return { statements, end: "eof" };
      if (token.kind === "text") {
        statements.push({ kind: "text", position: token.position, text: token.text });
        continue;
      }
      if (token.kind !== "left") this.#unexpected(token, "input");
      const word = this.#peekWord();
      if (word.kind === "keyword" && (word.text === "end" || word.text === "else")) {
        this.#nextWord();
        return { statements, end: word.text };
      }
      statements.push(this.#action());
    }
  }

  #action(): Statement {
    const word = this.#peekWord();
    const { position } = word;
    if (word.kind !== "keyword") {
      return { kind: "action", position, pipeline: this.#pipeline("command", "right") };
    }
    this.#nextWord();
    switch (word.text) {
      case "if":
      case "range":
      case "with":
        return this.#control(word.text, position);
      case "break":
      case "continue":
        this.#expect("right", `{{${word.text}}}`);
        if (this.#rangeDepth === 0) this.#fail(`{{${word.text}}} outside {{range}}`);
        return { kind: word.text, position };
      default:
        // Nested templates have no place in an address.
        return this.#fail(`{{${word.text}}} is not supported in addresses`);
    }
  }

  #control(kind: "if" | "range" | "with", position: number): Statement {
    this.#enter();
    const known = this.#variables;
    this.#variables = [...known];
    const pipeline = this.#pipeline(kind, "right");
    if (kind === "range") this.#rangeDepth += 1;
    const first = this.#statements();
    if (kind === "range") this.#rangeDepth -= 1;
    if (first.end === "eof") this.#fail("unexpected EOF");
    const otherwise = first.end === "else" ? this.#otherwise(kind) : [];
    if (first.end === "end") this.#expect("right", "end");
    this.#variables = known;
    this.#depth -= 1;
    return { kind, position, pipeline, body: first.statements, otherwise };
  }

  /** What follows `{{else`: its statements, or one more condition that shares the end. */
  #otherwise(kind: "if" | "range" | "with"): readonly Statement[] {
    const word = this.#peekWord();
    if (word.kind === "keyword" && word.text === kind && kind !== "range") {
      this.#nextWord();
      return [this.#control(kind, word.position)];
    }
    this.#expect("right", "else");
    const { statements, end } = this.#statements();
    if (end === "eof") this.#fail("unexpected EOF");
    if (end === "else") this.#fail("expected end; found {{else}}");
    this.#expect("right", "end");
    return statements;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > depthMax) this.#fail("max expression depth exceeded");
  }

  #pipeline(context: string, end: TokenKind): Pipeline {
    const { position } = this.#peekWord();
    const { variables, isAssignment } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#peekWord();
      if (token.kind === end) {
        this.#nextWord();
        break;
      }
      if (!isOperandStart(token.kind)) this.#unexpected(this.#nextWord(), context);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    commands.slice(1).forEach(({ operands: [first] }, index) => {
      if (["bool", "dot", "nil", "number", "string"].includes(first.kind)) {
        this.#fail(`non executable command in pipeline stage ${index + 2}`);
      }
    });
    return { kind: "pipeline", position, variables, isAssignment, commands };
  }

  #declarations(context: string): { readonly variables: readonly string[]; readonly isAssignment: boolean } {
    const variables: string[] = [];
    for (;;) {
      const variable = this.#peekWord();
      if (variable.kind !== "variable") return { variables, isAssignment: false };
      this.#nextWord();
      const space = this.#peek();
      const sign = this.#peekWord();
      if (sign.kind === "declare" || sign.kind === "assign") {
        this.#nextWord();
        variables.push(variable.text);
        this.#variables.push(variable.text);
        return { variables, isAssignment: sign.kind === "assign" };
      }
      if (sign.kind === "char" && sign.text === ",") {
        this.#nextWord();
        variables.push(variable.text);
        this.#variables.push(variable.text);
        if (context !== "range" || variables.length > 1) this.#fail(`too many declarations in ${context}`);
        const following = this.#peekWord().kind;
        if (following !== "variable" && following !== "right" && following !== "rightParen") {
          this.#fail("range can only initialize variables");
        }
        continue;
      }
      // No declaration: what was read ahead goes back, with the space that parts operands.
      if (space.kind === "space") this.#ahead.unshift(space);
      this.#ahead.unshift(variable);
      return { variables, isAssignment: false };
    }
  }

  #command(): Command {
    const { position } = this.#peekWord();
    const operands: Operand[] = [];
    for (;;) {
      this.#peekWord();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#next();
      if (token.kind === "space") continue;
      if (token.kind === "right" || token.kind === "rightParen") this.#ahead.unshift(token);
      else if (token.kind !== "pipe") this.#unexpected(token, "operand");
      break;
    }
    const [first, ...others] = operands;
    if (first === undefined) return this.#fail("empty command");
    return { kind: "command", position, operands: [first, ...others] };
  }

  /** A term with its fields; `undefined` if the next token begins none. */
  #operand(): Operand | undefined {
    const term = this.#term();
    if (term === undefined || this.#peek().kind !== "field") return term;
    const { position } = this.#peek();
    const fields: string[] = [];
    while (this.#peek().kind === "field") fields.push(this.#next().text.slice(1));
    switch (term.kind) {
      case "field":
      case "variable":
        return { ...term, position, fields: [...term.fields, ...fields] };
      case "bool":
      case "dot":
      case "nil":
      case "number":
      case "string":
        return this.#fail(`unexpected . after term ${quoteGo(shownNode(term))}`);
      case "chain":
      case "identifier":
      case "pipeline":
        return { kind: "chain", position, base: term, fields };
      default:
        return term satisfies never;
    }
  }

  #term(): Operand | undefined {
    const token = this.#nextWord();
    const term = this.#termOf(token);
    if (term === undefined) this.#ahead.unshift(token);
    return term;
  }

  /** The operand that a token is or begins. */
  #termOf(token: Token): Operand | undefined {
    const { position, text } = token;
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- all other tokens begin none
    switch (token.kind) {
      case "identifier":
        if (!this.#isFunction(text)) this.#fail(`function ${quoteGo(text)} not defined`);
        return { kind: "identifier", position, name: text };
      case "dot":
      case "nil":
        return { kind: token.kind, position };
      case "variable":
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quoteGo(text)}`);
        return { kind: "variable", position, name: text, fields: [] };
      case "field":
        return { kind: "field", position, fields: [text.slice(1)] };
      case "bool":
        return { kind: "bool", position, value: text === "true" };
      case "constant":
      case "number":
        return this.#number(token);
      case "leftParen": {
        this.#enter();
        const inner = this.#pipeline("parenthesized pipeline", "rightParen");
        this.#depth -= 1;
        return inner;
      }
      case "string":
      case "raw":
        return this.#string(token);
      default:
        return undefined;
    }
  }

  #string({ kind, text, position }: Token): Operand {
    const inner = text.slice(1, -1);
    const value = kind === "raw" ? unquoteRaw(inner) : unquoteDouble(inner);
    return value === undefined ? this.#fail("invalid syntax") : { kind: "string", position, text, value };
  }

  #number({ kind, text, position }: Token): NumberNode {
    if (kind === "constant") {
      const letters = [...(unquoteDouble(text.slice(1, -1).replaceAll("\\'", "'")) ?? "")];
      const code = letters[0]?.codePointAt(0);
      if (code === undefined || letters.length > 1)
        return this.#fail(`malformed character constant: ${text}`);
      return { kind: "number", position, text, integer: BigInt(code), value: code };
    }
    const integer = integerOf(text);
    const value = integer === undefined ? Number(text.replaceAll("_", "")) : Number(integer);
    if (Number.isNaN(value)) return this.#fail(`illegal number syntax: ${quoteGo(text)}`);
    return { kind: "number", position, text, integer, value };
  }
}

function isOperandStart(kind: TokenKind): boolean {
  return [
    "bool",
    "constant",
    "dot",
    "field",
    "identifier",
    "number",
    "nil",
    "raw",
    "string",
    "variable",
    "leftParen",
  ].includes(kind);
}

/** The integer that a literal stands for: decimal, 0x, 0o, 0b or, with a leading 0, octal. */
function integerOf(text: string): bigint | undefined {
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/u.exec(text) ?? [];
  const plain = digits.replaceAll("_", "").replace(/^0(?=[0-7]+$)/u, "0o");
  if (!/^(?:\d+|0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/u.test(plain)) {
    // A float that is whole counts as an integer.
    const value = Number(plain);
    return plain !== "" && Number.isSafeInteger(value) ? BigInt(sign === "-" ? -value : value) : undefined;
  }
  return sign === "-" ? -BigInt(plain) : BigInt(plain);
}
