/** User events. */
import type { HttpClient } from "./http-client.ts";
import { textField, toRecord } from "./shape.ts";

/** An event to fire. Filters are regular expressions; "" matches everything. */
export interface UserEvent {
  readonly name: string;
  readonly payload: Uint8Array | undefined;
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
}

function unlessEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** Fires an event; the answer is its ID. */
export async function eventFire(client: HttpClient, event: UserEvent): Promise<string> {
  const reply = await client.json({
    method: "PUT",
    path: `/v1/event/fire/${event.name}`,
    query: {
      node: unlessEmpty(event.nodeFilter),
      service: unlessEmpty(event.serviceFilter),
      tag: unlessEmpty(event.tagFilter),
    },
    ...(event.payload === undefined ? {} : { body: event.payload }),
  });
  return textField(toRecord(reply), "ID");
}
