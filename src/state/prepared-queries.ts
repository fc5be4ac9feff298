/**
 * Prepared queries: found by id, by name, or by the longest template whose name begins the one asked for.
 *
 * Names are unique without regard to case, and never the id of another query, since either may be asked for. A query
 * with a session goes with it.
 * Topics: `prepared-queries` any of them; `prepared-query:ID` this one.
 * Source: the reference's state/prepared_query.go.
 */
import type { PreparedQuery } from "../wire/structs/prepared-query.ts";
import { QueryTemplate, TemplateProblem, isTemplate, type StoredQuery } from "./query-template.ts";
import { Refusal } from "./refusal.ts";
import { keySeparator, type StateStore } from "./store.ts";
import { uuidProblem } from "./uuid-index.ts";
import type { WatchSet } from "./watch.ts";

const table = "prepared-queries";
const uuidForm = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const missingIdText = "Missing Query ID";

/** The last index at which any query changed. */
export function preparedQueryMaxIndex(store: StateStore): number {
  return store.maxIndex(table);
}

/** One query, or a refusal if `id` is no UUID. */
export function preparedQueryGet(
  store: StateStore,
  id: string,
  watch?: WatchSet,
): PreparedQuery | Refusal | undefined {
  const problem = uuidProblem(id);
  if (problem !== undefined) return new Refusal(`failed prepared query lookup: ${problem}`);
  watch?.topic(topicOf(id));
  return store.tables.preparedQueries.get(id.toLowerCase())?.query;
}

/** All queries, by id. */
export function preparedQueryList(store: StateStore, watch: WatchSet): readonly PreparedQuery[] {
  watch.topic(table);
  return [...store.tables.preparedQueries.values()].map(({ query }) => query);
}

/**
 * The query with this id or name, or the one that the longest fitting template makes of the name. `segment` is the
 * asking agent's.
 */
export function preparedQueryResolve(
  store: StateStore,
  idOrName: string,
  segment: string,
): PreparedQuery | Refusal | undefined {
  if (idOrName === "") return new Refusal(missingIdText);
  const { tables } = store;
  const byId = uuidForm.test(idOrName) ? tables.preparedQueries.get(idOrName.toLowerCase()) : undefined;
  if (byId !== undefined) {
    return byId.template === undefined
      ? byId.query
      : new Refusal("prepared query templates can only be resolved up by name, not by ID");
  }
  const name = fold(idOrName);
  const id = tables.preparedQueryNames.get(name) ?? longestTemplate(store, name);
  const found = id === undefined ? undefined : tables.preparedQueries.get(id);
  if (found?.template === undefined) return found?.query;
  const rendered =
    found.template instanceof TemplateProblem ? found.template : found.template.render(idOrName, segment);
  return rendered instanceof TemplateProblem ? new Refusal(rendered.text) : rendered;
}

/** A look-up for each beginning of the name, the longest first. */
function longestTemplate(store: StateStore, name: string): string | undefined {
  const { preparedQueryTemplates } = store.tables;
  if (preparedQueryTemplates.size === 0) return undefined;
  for (let length = name.length; length >= 0; length -= 1) {
    const id = preparedQueryTemplates.get(name.slice(0, length));
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Makes or replaces a query. */
export function preparedQuerySet(
  store: StateStore,
  index: number,
  given: PreparedQuery,
): Refusal | undefined {
  if (given.ID === "") return new Refusal(missingIdText);
  const existing = preparedQueryGet(store, given.ID);
  if (existing instanceof Refusal) return existing;
  const problem = nameProblem(store, given) ?? sessionProblem(store, given);
  if (problem !== undefined) return new Refusal(problem);
  const query = { ...given, CreateIndex: existing?.CreateIndex ?? index, ModifyIndex: index };
  const template = isTemplate(query) ? QueryTemplate.compile(query) : undefined;
  if (template instanceof TemplateProblem) return new Refusal(`failed compiling template: ${template.text}`);
  if (existing !== undefined) forget(store, existing);
  insert(store, { query, template });
  changed(store, index, query);
  return undefined;
}

function nameProblem(store: StateStore, given: PreparedQuery): string | undefined {
  const { tables } = store;
  const id = given.ID.toLowerCase();
  const isOther = (owner: string | undefined): boolean => owner !== undefined && owner !== id;
  if (given.Name !== "") {
    if (isOther(tables.preparedQueryNames.get(fold(given.Name))))
      return `name '${given.Name}' aliases an existing query name`;
  } else if (isTemplate(given) && isOther(tables.preparedQueryTemplates.get(""))) {
    return "a query template with an empty name already exists";
  }
  // Who took the id of a query for a name could answer for it.
  const isId = uuidForm.test(given.Name) && tables.preparedQueries.has(given.Name.toLowerCase());
  return isId ? `name '${given.Name}' aliases an existing query ID` : undefined;
}

function sessionProblem(store: StateStore, { Session: session }: PreparedQuery): string | undefined {
  if (session === "" || store.tables.sessions.has(session.toLowerCase())) return undefined;
  return `invalid session ${JSON.stringify(session)}`;
}

/** Removes a query; nothing happens if it is missing. */
export function preparedQueryDelete(store: StateStore, index: number, id: string): Refusal | undefined {
  const query = preparedQueryGet(store, id);
  if (query instanceof Refusal) return new Refusal(`failed prepared query delete: ${query.text}`);
  if (query === undefined) return undefined;
  forget(store, query);
  changed(store, index, query);
  return undefined;
}

/** Removes the queries that go with a session. */
export function deleteSessionQueries(store: StateStore, index: number, session: string): void {
  const prefix = session.toLowerCase() + keySeparator;
  const owned = [...store.tables.preparedQuerySessions.withPrefix(prefix)];
  for (const [key] of owned) preparedQueryDelete(store, index, key.slice(prefix.length));
}

/** Puts a query back from a snapshot. A template that cannot be read stays, and says so when it is asked for. */
export function preparedQueryRestore(store: StateStore, query: PreparedQuery): void {
  insert(store, { query, template: isTemplate(query) ? QueryTemplate.compile(query) : undefined });
  store.setIndex(table, Math.max(query.ModifyIndex, preparedQueryMaxIndex(store)));
}

function insert({ tables }: StateStore, stored: StoredQuery): void {
  const { query } = stored;
  const id = query.ID.toLowerCase();
  tables.preparedQueries.set(id, stored);
  if (query.Name !== "") tables.preparedQueryNames.set(fold(query.Name), id);
  if (isTemplate(query)) tables.preparedQueryTemplates.set(fold(query.Name), id);
  if (query.Session !== "") tables.preparedQuerySessions.set(sessionKey(query), true);
}

function forget({ tables }: StateStore, query: PreparedQuery): void {
  tables.preparedQueries.delete(query.ID.toLowerCase());
  if (query.Name !== "") tables.preparedQueryNames.delete(fold(query.Name));
  if (isTemplate(query)) tables.preparedQueryTemplates.delete(fold(query.Name));
  if (query.Session !== "") tables.preparedQuerySessions.delete(sessionKey(query));
}

function changed(store: StateStore, index: number, { ID: id }: PreparedQuery): void {
  store.setIndex(table, index);
  store.changedTopic(table);
  store.changedTopic(topicOf(id));
}

function topicOf(id: string): string {
  return `prepared-query:${id.toLowerCase()}`;
}

function sessionKey({ Session: session, ID: id }: PreparedQuery): string {
  return session.toLowerCase() + keySeparator + id.toLowerCase();
}

function fold(name: string): string {
  return name.toLowerCase();
}
