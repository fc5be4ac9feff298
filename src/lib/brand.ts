declare const brandKey: unique symbol;

/** A `Base` that cannot be mixed up with another: made only in the one constructor that checks it. */
export type Brand<Base, Name extends string> = Base & { readonly [brandKey]: Name };
