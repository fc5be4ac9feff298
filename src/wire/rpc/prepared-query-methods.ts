/** Methods of prepared queries, by the wire's names. Source: protocol reference, RPC section 8. */
import { str } from "../schema/scalars.ts";
import { DCSpecificRequest } from "../structs/common.ts";
import * as query from "../structs/prepared-query.ts";
import { method } from "./method.ts";

/** Answers the query's id. */
export const preparedQueryApply = method("PreparedQuery.Apply", query.PreparedQueryRequest, str);
export const preparedQueryGet = method(
  "PreparedQuery.Get",
  query.PreparedQuerySpecificRequest,
  query.IndexedPreparedQueries,
);
export const preparedQueryList = method(
  "PreparedQuery.List",
  DCSpecificRequest,
  query.IndexedPreparedQueries,
);
export const preparedQueryExecute = method(
  "PreparedQuery.Execute",
  query.PreparedQueryExecuteRequest,
  query.PreparedQueryExecuteResponse,
);
export const preparedQueryExecuteRemote = method(
  "PreparedQuery.ExecuteRemote",
  query.PreparedQueryExecuteRemoteRequest,
  query.PreparedQueryExecuteResponse,
);
export const preparedQueryExplain = method(
  "PreparedQuery.Explain",
  query.PreparedQueryExecuteRequest,
  query.PreparedQueryExplainResponse,
);

/** Clients match on this text: no query has this id or name. */
export const queryNotFoundText = "Query not found";
