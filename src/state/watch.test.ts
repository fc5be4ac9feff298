import { expect, test } from "bun:test";
import fc from "fast-check";
import { WatchRegistry, WatchSet } from "./watch.ts";

function watched(registry: WatchRegistry, set: WatchSet): { fired: number } & Disposable {
  const state = { fired: 0, [Symbol.dispose]: () => handle[Symbol.dispose]() };
  const handle = registry.watch(set, () => (state.fired += 1));
  return state;
}

test("a watch fires once, for a topic it named", () => {
  const registry = new WatchRegistry();
  const set = new WatchSet();
  set.topic("service:web");
  const watch = watched(registry, set);
  registry.fire(["service:db"], []);
  expect(watch.fired).toBe(0);
  registry.fire(["service:web"], []);
  registry.fire(["service:web"], []);
  expect(watch.fired).toBe(1);
  expect(registry.size).toBe(0);
});

test("disposing forgets every dependency", () => {
  const registry = new WatchRegistry();
  const set = new WatchSet();
  set.topic("nodes");
  set.kvPrefix("a/");
  watched(registry, set)[Symbol.dispose]();
  expect(registry.size).toBe(0);
});

test("replacing the state wakes everyone", () => {
  const registry = new WatchRegistry();
  const set = new WatchSet();
  set.kvPrefix("x");
  const watch = watched(registry, set);
  registry.fireAll();
  expect(watch.fired).toBe(1);
});

test("exactly the prefixes of a changed key wake, as a naive scan says", () => {
  const key = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(key, { maxLength: 12 }), fc.array(key, { maxLength: 4 }), (prefixes, changed) => {
      const registry = new WatchRegistry();
      const watches = prefixes.map((prefix) => {
        const set = new WatchSet();
        set.kvPrefix(prefix);
        return { prefix, watch: watched(registry, set) };
      });
      registry.fire([], changed);
      for (const { prefix, watch } of watches) {
        expect(watch.fired).toBe(changed.some((one) => one.startsWith(prefix)) ? 1 : 0);
      }
    }),
  );
});
