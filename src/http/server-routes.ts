/** Every route that a server answers, whichever agent it is asked through. */
import { catalogRoutes } from "./catalog-routes.ts";
import { coordinateRoutes } from "./coordinate-routes.ts";
import { healthRoutes } from "./health-routes.ts";
import { keyringRoutes } from "./keyring-routes.ts";
import { kvRoutes } from "./kv-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { queryRoutes } from "./query-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { statusRoutes } from "./status-routes.ts";
import { txnRoutes } from "./txn-routes.ts";
import { uiRoutes } from "./ui-routes.ts";
import type { Route } from "./types.ts";

/** What needs the agent itself (its own services, streams, snapshots) is not among them. */
export const serverRoutes: readonly Route[] = [
  ...kvRoutes,
  ...txnRoutes,
  ...uiRoutes,
  ...sessionRoutes,
  ...queryRoutes,
  ...catalogRoutes,
  ...healthRoutes,
  ...coordinateRoutes,
  ...statusRoutes,
  ...operatorRoutes,
  ...keyringRoutes,
];
