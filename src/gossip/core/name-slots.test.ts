import { expect, test } from "bun:test";
import fc from "fast-check";
import { OwnNameSlots } from "./name-slots.ts";

test("no two names have one number, and as many numbers are in use as there were names at once", () => {
  const steps = fc.array(fc.nat(12), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (names) => {
      const slots = new OwnNameSlots();
      const held = new Map<string, number>();
      let most = 0;
      for (const name of names.map(String)) {
        expect(slots.get(name)).toBe(held.get(name) as number);
        if (held.delete(name)) slots.release(name);
        else held.set(name, slots.take(name));
        most = Math.max(most, held.size);
        expect(new Set(held.values()).size).toBe(held.size);
        for (const [one, slot] of held) {
          expect(slot).toBeLessThan(most);
          expect(slots.nameOf(slot)).toBe(one);
        }
      }
    }),
  );
});

test("a name is given one number, and gives back only what it has", () => {
  const slots = new OwnNameSlots();
  slots.take("a");
  expect(() => slots.take("a")).toThrow("a name has one number");
  expect(() => slots.release("b")).toThrow("a released name had a number");
});
