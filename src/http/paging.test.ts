import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { byteString, type ByteString } from "../lib/byte-string.ts";
import { pageOf, placeOf } from "./paging.ts";
import { QueryParams, type RoutedRequest } from "./types.ts";

function asking(search: string): RoutedRequest {
  return { search, query: new QueryParams(search) } as unknown as RoutedRequest;
}

const keyBytes = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => byteString(bytes));

describe("pages", () => {
  test("show every row once, whatever bytes it is named by and whatever the order it comes in", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(keyBytes, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (keys, limit) => {
          const seen: ByteString[] = [];
          let search = `limit=${limit}`;
          for (let pages = 0; pages <= keys.length; pages += 1) {
            const page = pageOf(
              asking(search),
              () => keys,
              (key) => key,
            );
            seen.push(...(page?.rows ?? []));
            expect(page?.headers["X-Proconsul-Total-Count"]).toBe(String(keys.length));
            const next = page?.headers["X-Proconsul-Next"];
            if (next === undefined) break;
            search = `limit=${limit}&after=${next}`;
          }
          expect(seen).toEqual(keys.toSorted((a, b) => (a < b ? -1 : 1)));
        },
      ),
    );
  });

  test("go on where they were although the row at their end is gone", () => {
    const rows = ["a", "c", "d"].map((one) => placeOf(one));
    expect(
      pageOf(
        asking("limit=1&after=b"),
        () => rows,
        (row) => row,
      )?.rows,
    ).toEqual([placeOf("c")]);
  });

  test("of no rows tell how many there are", () => {
    const page = pageOf(
      asking("limit=0"),
      () => ["a", "b"],
      (row) => placeOf(row),
    );
    expect(page).toEqual({ rows: [], headers: { "X-Proconsul-Total-Count": "2" } });
  });

  test("are made for those only who ask", () => {
    expect(pageOf(asking("recurse"), () => ["a"], placeOf)).toBeUndefined();
  });

  test.each(["limit=x", "limit=-1", "limit=1&near=_agent"])("%s is refused", (search) => {
    expect(() => pageOf(asking(search), () => ["a"], placeOf)).toThrow(/^(Invalid limit|Cannot specify)/);
  });
});
