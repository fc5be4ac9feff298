/** What every snapshot store promises. */
import { rejection } from "../../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { logIndex, term } from "../../lib/log-index.ts";
import { serverId, type SnapshotMark } from "../core/entry.ts";
import { readSnapshot, type SnapshotStore } from "./snapshot-store.ts";

export interface SnapshotStorePlace extends AsyncDisposable {
  open(): Promise<SnapshotStore>;
}

/** The end of a snapshot of a cluster of two. */
export function mark(index: number, inTerm: number): SnapshotMark {
  return {
    index: logIndex(index),
    term: term(inTerm),
    configuration: {
      servers: [
        { id: serverId("a"), address: "10.0.0.1:8300", suffrage: "voter" },
        { id: serverId("b"), address: "10.0.0.2:8300", suffrage: "nonvoter" },
      ],
    },
    configurationIndex: logIndex(1),
  };
}

const pieces = (...texts: readonly string[]): Uint8Array[] =>
  texts.map((text) => new TextEncoder().encode(text));

export function snapshotStoreContract(label: string, makePlace: () => Promise<SnapshotStorePlace>): void {
  describe(`snapshot store: ${label}`, () => {
    test("a snapshot is read back as it was written, whatever its pieces", async () => {
      await using place = await makePlace();
      const store = await place.open();
      expect(await store.newest()).toBeUndefined();
      const big = [...pieces("head", "", "er"), new Uint8Array(600_000).fill(7), ...pieces("tail")];
      const meta = await store.write(mark(7, 2), big);
      expect(meta).toMatchObject({ ...mark(7, 2), sizeBytes: 600_010 });
      expect(meta.id).toMatch(/^2-7-\d+$/);
      const reopened = await place.open();
      expect(await reopened.newest()).toMatchObject({ ...mark(7, 2), id: meta.id, sizeBytes: 600_010 });
      await using found = await reopened.open(meta);
      const state = await readSnapshot(found!);
      expect(Buffer.compare(state, Buffer.concat(big))).toBe(0);
    });

    test("a removed snapshot is gone, and the one before it the newest again", async () => {
      await using place = await makePlace();
      const store = await place.open();
      await store.write(mark(10, 2), pieces("x"));
      await store.write(mark(20, 2), pieces("y"));
      await store.remove(mark(20, 2));
      await store.remove(mark(30, 2));
      expect(await store.open(mark(20, 2))).toBeUndefined();
      expect((await (await place.open()).newest())?.index).toBe(logIndex(10));
    });

    test("the newest two are kept, by term and index", async () => {
      await using place = await makePlace();
      const store = await place.open();
      await store.write(mark(10, 2), pieces("x"));
      await store.write(mark(20, 2), pieces("y"));
      await store.write(mark(15, 3), pieces("z"));
      expect((await store.newest())?.index as number).toBe(15);
      expect(await store.open({ index: logIndex(10), term: term(2) })).toBeUndefined();
      await using kept = await store.open({ index: logIndex(20), term: term(2) });
      expect(kept?.meta.sizeBytes).toBe(1);
    });

    test("an empty state is a state", async () => {
      await using place = await makePlace();
      const store = await place.open();
      const meta = await store.write(mark(3, 1), []);
      await using found = await store.open(meta);
      expect((await readSnapshot(found!)).length).toBe(0);
      expect((await store.newest())?.id).toBe(meta.id);
    });

    test("a source that fails leaves nothing behind", async () => {
      await using place = await makePlace();
      const store = await place.open();
      function* broken(): Generator<Uint8Array> {
        yield new Uint8Array(10);
        throw new Error("source broke");
      }
      expect(await rejection(store.write(mark(3, 1), broken()))).toThrow("source broke");
      await store.write(mark(2, 1), pieces("x"));
      expect((await store.newest())?.index as number).toBe(2);
    });
  });
}
