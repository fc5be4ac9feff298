/**
 * Paths of areas that come later: their methods are checked as the reference does, and a call says plainly
 * that the area is not there yet, instead of pretending that the path does not exist.
 */
import { HttpError, type Route } from "./types.ts";

const all = ["GET", "PUT", "DELETE"] as const;

/** Pattern, methods, and what it belongs to. */
const later: readonly (readonly [pattern: string, methods: readonly string[], area: string])[] = [
  ["/v1/config", ["PUT"], "Configuration entries are"],
  ["/v1/config/", ["GET", "DELETE"], "Configuration entries are"],
  ["/v1/connect/ca/configuration", ["GET", "PUT"], "The mesh is"],
  ["/v1/connect/ca/roots", ["GET"], "The mesh is"],
  ["/v1/connect/intentions", ["GET", "POST"], "Intentions are"],
  ["/v1/connect/intentions/check", ["GET"], "Intentions are"],
  ["/v1/connect/intentions/exact", all, "Intentions are"],
  ["/v1/connect/intentions/match", ["GET"], "Intentions are"],
  ["/v1/connect/intentions/", all, "Intentions are"],
  ["/v1/discovery-chain/", ["GET", "POST"], "Discovery chains are"],
  ["/v1/peering/token", ["POST"], "Peering is"],
  ["/v1/peering/establish", ["POST"], "Peering is"],
  ["/v1/peering/", ["GET", "DELETE"], "Peering is"],
  ["/v1/peerings", ["GET"], "Peering is"],
];

export const laterRoutes: readonly Route[] = later.map(([pattern, methods, area]) => ({
  pattern,
  methods,
  handle: () => {
    throw new HttpError(501, `${area} not supported yet by this version of Proconsul`);
  },
}));
