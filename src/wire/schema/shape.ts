/**
 * What a codec's values are made of, for code that walks values by name rather than converts them.
 *
 * Pointers do not show: the shape of a pointer is the shape of its target, and the value may be `null`.
 */
export type Shape =
  | { readonly kind: "text" | "bool" | "int" | "uint" | "float" }
  | { readonly kind: "list"; readonly item: Shape }
  | { readonly kind: "map"; readonly value: Shape }
  | StructShape;

export interface StructShape {
  readonly kind: "struct";
  /** Fields that expressions may name. */
  readonly fields: ReadonlyMap<string, Shape>;
}
