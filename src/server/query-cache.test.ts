import { expect, test } from "bun:test";
import { WatchRegistry, WatchSet } from "../state/watch.ts";
import { QueryCache } from "./query-cache.ts";

function reader(cache: QueryCache): { read(key: string): object; runs(): number } {
  let runs = 0;
  return {
    read: (key) =>
      cache.read(key, new WatchSet(), (watch) => {
        runs += 1;
        watch.topic(key);
        return {};
      }),
    runs: () => runs,
  };
}

test("equal queries share one answer until what it depends on changes", () => {
  const watches = new WatchRegistry();
  const { read, runs } = reader(new QueryCache(watches));
  const first = read("a");
  expect(read("a")).toBe(first);
  watches.fire(["b"], []);
  expect(read("a")).toBe(first);
  watches.fire(["a"], []);
  expect(read("a")).not.toBe(first);
  expect(runs()).toBe(2);
});

test("a kept answer still tells readers what to wait for", () => {
  const cache = new QueryCache(new WatchRegistry());
  const compute = (watch: WatchSet): number => {
    watch.topic("x");
    watch.kvPrefix("y");
    return 1;
  };
  cache.read("k", new WatchSet(), compute);
  const second = new WatchSet();
  cache.read("k", second, compute);
  expect([...second.topics, ...second.kvPrefixes]).toEqual(["x", "y"]);
});

test("the least recently asked goes first, and leaves no watch behind", () => {
  const watches = new WatchRegistry();
  const cache = new QueryCache(watches, 2);
  const { read, runs } = reader(cache);
  for (const key of ["a", "b", "a", "c"]) read(key);
  expect([cache.size, watches.size]).toEqual([2, 2]);
  read("a");
  expect(runs()).toBe(3);
  read("b");
  expect(runs()).toBe(4);
});
