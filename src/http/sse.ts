/** Text of server-sent events. Source: the HTML standard, section 9.2.5. */

/** One event; data of one line, as JSON is. The id is what a client that comes back says it has seen. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** An event as it is sent. */
export function renderEvent({ event, data, id }: ServerSentEvent): string {
  const head = `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}`;
  return `${head}data: ${data}\n\n`;
}

/** A sign of life that no listener hears, and that moves on what the client has seen. */
export function renderHeartbeat(id: string): string {
  return `: heartbeat\nid: ${id}\n\n`;
}

export const sseHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache",
  // Proxies of a common kind hold answers back until told not to.
  "X-Accel-Buffering": "no",
} as const;
