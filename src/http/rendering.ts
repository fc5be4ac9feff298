/** Renderings of values that servers share; each lives as long as the value it belongs to. */
const renderings = new WeakMap<object, Map<string, Uint8Array>>();
const utf8 = new TextEncoder();

/**
 * The bytes of `render()`, made once for each `shared` value and `variant`. `isNew` says whether they
 * were made by this call.
 */
export function renderShared(
  shared: object,
  variant: string,
  render: () => string,
): { readonly bytes: Uint8Array; readonly isNew: boolean } {
  let texts = renderings.get(shared);
  if (texts === undefined) renderings.set(shared, (texts = new Map()));
  const known = texts.get(variant);
  if (known !== undefined) return { bytes: known, isNew: false };
  const bytes = utf8.encode(render());
  texts.set(variant, bytes);
  return { bytes, isNew: true };
}
