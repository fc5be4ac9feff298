/** The parts of a parsed template. Each knows where it stands, and its text for messages. */
import { quoteGo } from "../../lib/go-quote.ts";

interface At {
  readonly position: number;
}
export type NumberNode = At & {
  readonly kind: "number";
  readonly text: string;
  /** `undefined` for what is no integer. */
  readonly integer: bigint | undefined;
  readonly value: number;
};
export type Operand =
  | (At & { readonly kind: "bool"; readonly value: boolean })
  | (At & { readonly kind: "chain"; readonly base: Operand; readonly fields: readonly string[] })
  | (At & { readonly kind: "dot" | "nil" })
  | (At & { readonly kind: "field"; readonly fields: readonly string[] })
  | (At & { readonly kind: "identifier"; readonly name: string })
  | NumberNode
  | Pipeline
  | (At & { readonly kind: "string"; readonly text: string; readonly value: string })
  | (At & { readonly kind: "variable"; readonly name: string; readonly fields: readonly string[] });

export type Command = At & { readonly kind: "command"; readonly operands: readonly [Operand, ...Operand[]] };
export type Pipeline = At & {
  readonly kind: "pipeline";
  /** Variables that get the value, or for a range, its index and element. */
  readonly variables: readonly string[];
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
};
export type Statement =
  | (At & { readonly kind: "text"; readonly text: string })
  | (At & { readonly kind: "action"; readonly pipeline: Pipeline })
  | (At & {
      readonly kind: "if" | "range" | "with";
      readonly pipeline: Pipeline;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    })
  | (At & { readonly kind: "break" | "continue" });

/** A node as text, in Go's form. */
export function shownNode(node: Operand | Command): string {
  switch (node.kind) {
    case "bool":
      return String(node.value);
    case "chain":
      return `${node.base.kind === "pipeline" ? `(${shownNode(node.base)})` : shownNode(node.base)}${dotted(node.fields)}`;
    case "command":
      return node.operands
        .map((one) => (one.kind === "pipeline" ? `(${shownNode(one)})` : shownNode(one)))
        .join(" ");
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "field":
      return dotted(node.fields);
    case "identifier":
      return node.name;
    case "number":
      return node.text;
    case "pipeline": {
      const sign = node.isAssignment ? " = " : " := ";
      const variables = node.variables.length === 0 ? "" : node.variables.join(", ") + sign;
      return variables + node.commands.map(shownNode).join(" | ");
    }
    case "string":
      return node.text === "" ? quoteGo(node.value) : node.text;
    case "variable":
      return node.name + dotted(node.fields);
    default:
      return node satisfies never;
  }
}

function dotted(fields: readonly string[]): string {
  return fields.map((field) => `.${field}`).join("");
}
