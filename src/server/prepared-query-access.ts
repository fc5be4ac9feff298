/** What a token may do with prepared queries. Source: the reference's ACL rules of prepared queries. */
import type { Authorizer } from "../acl/authorizer.ts";
import type { PreparedQuery } from "../wire/structs/prepared-query.ts";

/** What is shown in the place of a query's token. Clients must not send it back. */
export const redactedToken = "<hidden>";

/** A token's rights over queries. */
export interface QueryAccess {
  mayRead(query: PreparedQuery): boolean;
  mayWrite(query: PreparedQuery): boolean;
  /** The query without what the token may not see. */
  redacted(query: PreparedQuery): PreparedQuery;
}

/** Rules are about names; queries without one are the managers', and everybody's who knows their ids. */
export function queryAccess(authorizer: Authorizer): QueryAccess {
  const hasName = ({ Name, Template }: PreparedQuery): boolean => Name !== "" || Template.Type !== "";
  return {
    mayRead: (query) => (hasName(query) ? authorizer.preparedQueryRead(query.Name) : authorizer.management()),
    mayWrite: (query) => !hasName(query) || authorizer.preparedQueryWrite(query.Name),
    redacted: (query) =>
      query.Token === "" || authorizer.management() ? query : { ...query, Token: redactedToken },
  };
}
