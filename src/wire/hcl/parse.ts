/**
 * HCL 1 as a tree of plain values, the way the reference's configuration and ACL rules read it.
 *
 *     service "web" { port = 80 }     →  { service: [ { web: [ { port: 80 } ] } ] }
 *
 * An object is a list of one object, to which a repeated block adds; only inside a list it is just an object.
 * A repeated list grows; of repeated scalars the last counts. Source: hashicorp/hcl v1, its parser and decoder.
 */
import { unreachable } from "../../lib/assert.ts";
import { HclError } from "./hcl-error.ts";
import { HclLexer, type HclToken } from "./lexer.ts";

export type HclValue = string | number | boolean | readonly HclValue[] | HclObject;
export interface HclObject {
  readonly [key: string]: HclValue;
}

/** Deeper nesting is refused: nobody writes it, and the stack is finite. */
const depthMax = 200;

type Node =
  | {
      readonly kind: "literal";
      readonly at: number;
      readonly value: string | number | boolean;
      readonly text: string;
    }
  | { readonly kind: "list"; readonly at: number; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly at: number; readonly items: readonly Item[] };

interface Item {
  readonly keys: readonly string[];
  readonly value: Node;
}

/** Parses a text. Throws `HclError`. */
export function parseHcl(text: string): HclObject {
  const normal = text.replaceAll("\r\n", "\n");
  const parser = new Parser(normal);
  return parser.toObject(parser.file(), "root");
}

class Parser {
  readonly #lexer: HclLexer;
  #token: HclToken;
  #depth = 0;

  constructor(text: string) {
    this.#lexer = new HclLexer(text);
    this.#token = this.#lexer.next();
  }

  file(): readonly Item[] {
    const items: Item[] = [];
    while (this.#token.kind !== "EOF") items.push(this.#item());
    return items;
  }

  #advance(): HclToken {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  #item(): Item {
    const keys = this.#keys();
    const token = this.#token;
    if (token.kind !== "ASSIGN" && token.kind !== "LBRACE") {
      const names = keys.map((key) => key.text).join(" ");
      this.#lexer.fail(token.at, `key '${names}' expected start of object ('{') or assignment ('=')`);
    }
    if (token.kind === "ASSIGN") this.#advance();
    const value = this.#value();
    if (this.#token.kind === "COMMA") this.#advance();
    return { keys: keys.map((key) => key.value), value };
  }

  #keys(): readonly { readonly text: string; readonly value: string }[] {
    const keys: { readonly text: string; readonly value: string }[] = [];
    for (;;) {
      const token = this.#token;
      if (token.kind === "IDENT" || token.kind === "STRING") {
        keys.push(token);
        this.#advance();
        continue;
      }
      if (token.kind === "ASSIGN" && keys.length > 1) {
        this.#lexer.fail(token.at, "nested object expected: LBRACE got: ASSIGN");
      }
      if (token.kind === "ASSIGN" && keys.length === 0) this.#lexer.fail(token.at, "no object keys found!");
      if (token.kind === "LBRACE" && keys.length === 0) {
        this.#lexer.fail(token.at, "expected: IDENT | STRING got: LBRACE");
      }
      // What has keys but no value is told by who reads the value.
      const ends: readonly HclToken["kind"][] = ["ASSIGN", "LBRACE", "EOF", "RBRACE"];
      return keys.length > 0 && ends.includes(token.kind) ? keys : this.#wrongKey(token);
    }
  }

  #wrongKey(token: HclToken): never {
    if (token.kind === "EOF") this.#lexer.fail(token.at, "object expected closing RBRACE got: EOF");
    return this.#lexer.fail(token.at, `expected: IDENT | STRING | ASSIGN | LBRACE got: ${token.kind}`);
  }

  #value(): Node {
    const token = this.#advance();
    if (token.kind === "LBRACE") return this.#nested(token.at, () => this.#object(token.at));
    if (token.kind === "LBRACK") return this.#nested(token.at, () => this.#list(token.at));
    if ("value" in token && token.kind !== "IDENT") {
      return { kind: "literal", at: token.at, value: token.value, text: token.text };
    }
    const { line, column } = this.#place(token.at);
    return this.#lexer.fail(token.at, `Unknown token: ${line}:${column} ${token.kind} ${token.text}`);
  }

  #place(at: number): HclError["position"] {
    try {
      return this.#lexer.fail(at, "");
    } catch (error) {
      if (error instanceof HclError) return error.position;
      throw error;
    }
  }

  #nested(at: number, parse: () => Node): Node {
    this.#depth += 1;
    if (this.#depth > depthMax) this.#lexer.fail(at, `nested deeper than ${depthMax} levels`);
    const node = parse();
    this.#depth -= 1;
    return node;
  }

  #object(at: number): Node {
    const items: Item[] = [];
    while (this.#token.kind !== "RBRACE") items.push(this.#item());
    this.#advance();
    return { kind: "object", at, items };
  }

  #list(at: number): Node {
    const items: Node[] = [];
    let needsComma = false;
    for (;;) {
      const token = this.#token;
      if (token.kind === "RBRACK") {
        this.#advance();
        return { kind: "list", at, items };
      }
      if (token.kind === "COMMA") {
        this.#advance();
        needsComma = false;
        continue;
      }
      if (needsComma) {
        this.#lexer.fail(token.at, `error parsing list, expected comma or list end, got: ${token.kind}`);
      }
      if (!startsValue(token))
        this.#lexer.fail(token.at, `unexpected token while parsing list: ${token.kind}`);
      items.push(this.#value());
      // The reference forgets to ask for a comma after a list; files rely on what it takes.
      needsComma = token.kind !== "LBRACK";
    }
  }

  /** Items as one object; `path` is for messages. */
  toObject(items: readonly Item[], path: string): HclObject {
    const result = new Map<string, HclValue>();
    const done = new Set<string>();
    for (const { keys, value } of items) {
      const [key = "", ...more] = keys;
      if (done.has(key)) continue;
      const place = { at: value.at, path: `${path}.${key}` };
      if (more.length === 0) {
        result.set(
          key,
          this.#merge(result.get(key), this.#toValue(value, place.path), { ...place, node: value }),
        );
        continue;
      }
      // The first labelled block takes every block of that name with it.
      done.add(key);
      const labelled = items.filter((one) => one.keys[0]?.toLowerCase() === key.toLowerCase());
      const objects = labelled.map((one) => {
        const rest = one.keys.slice(1);
        if (rest.length === 0) this.#lexer.fail(one.value.at, `${place.path}: map must have string keys`);
        return this.toObject([{ keys: rest, value: one.value }], place.path);
      });
      const known = result.get(key);
      result.set(key, Array.isArray(known) ? [...(known as readonly HclValue[]), ...objects] : objects);
    }
    return Object.fromEntries(result);
  }

  #toValue(node: Node, path: string): HclValue {
    switch (node.kind) {
      case "literal":
        return node.value;
      case "object":
        return [this.toObject(node.items, path)];
      case "list":
        return node.items.map((item, index) => {
          const place = `${path}[${index}]`;
          return item.kind === "object" ? this.toObject(item.items, place) : this.#toValue(item, place);
        });
      default:
        return unreachable(node);
    }
  }

  /** A key that was there already: lists grow, scalars of one kind are replaced, anything else is a mistake. */
  #merge(
    known: HclValue | undefined,
    value: HclValue,
    { at, path, node }: { readonly at: number; readonly path: string; readonly node: Node },
  ): HclValue {
    if (known === undefined) return value;
    if (Array.isArray(known)) {
      if (Array.isArray(value)) return [...(known as readonly HclValue[]), ...(value as readonly HclValue[])];
      return this.#lexer.fail(at, `unknown slice type: *ast.LiteralType`);
    }
    if (typeof known === typeof value) return value;
    // A number in place of a text is taken as it is written.
    if (typeof known === "string" && typeof value === "number" && node.kind === "literal") return node.text;
    return this.#lexer.fail(at, `${path}: unknown type *ast.LiteralType`);
  }
}

const valueTokens: ReadonlySet<HclToken["kind"]> = new Set([
  "STRING",
  "HEREDOC",
  "NUMBER",
  "FLOAT",
  "BOOL",
  "LBRACE",
  "LBRACK",
]);

function startsValue({ kind }: HclToken): boolean {
  return valueTokens.has(kind);
}
