/** How servers reach each other: one request, one answer. Bytes and connections are the implementation's business. */
import type { Lane } from "../core/effects.ts";
import type { ServerId } from "../core/entry.ts";
import type { InstallSnapshotRequest, RaftRequest, RaftResponse } from "../core/messages.ts";

/** Whom to ask, and over which connection. */
export interface Destination {
  readonly id: ServerId;
  /** From the configuration; a fallback for a transport that knows a newer one. */
  readonly address: string;
  readonly lane: Lane;
  readonly timeoutMs: number;
}

/** What came back. `failed` without text: no answer; with text: the peer answered only an error. */
export type TransportAnswer =
  | { readonly kind: "response"; readonly message: RaftResponse }
  | { readonly kind: "failed"; readonly remoteError?: string };

/** A snapshot on its way: exactly `message.sizeBytes` bytes follow. */
export interface SnapshotTransfer {
  readonly message: InstallSnapshotRequest;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The local server, as peers' requests see it. `from` is the peer's host, for what is told of it. */
export interface TransportHandler {
  /** Answers any request but InstallSnapshot. Never rejects. */
  request(message: RaftRequest, from?: string): Promise<TransportReply>;
  /** Answers an InstallSnapshot. It may leave bytes unread: the transport then takes and drops them. Never rejects. */
  snapshot(transfer: SnapshotTransfer, from?: string): Promise<TransportReply>;
}

/** What goes back: a response, or only an error text. */
export type TransportReply =
  | { readonly kind: "response"; readonly message: RaftResponse }
  | { readonly kind: "error"; readonly error: string };

/** One server's end of the network. */
export interface Transport {
  /**
   * Requests of one lane to one server arrive in order. May hold the request back until `flush`.
   * Settles after `timeoutMs` at the latest; never rejects.
   */
  send(to: Destination, message: RaftRequest): Promise<TransportAnswer>;
  /** Hands what was sent since the last call to the network, together. */
  flush(): void;
  /** Sends a snapshot. Never rejects; fails if `chunks` does. */
  sendSnapshot(to: Destination, transfer: SnapshotTransfer): Promise<TransportAnswer>;
  /** Hands peers' requests to `handler` until disposed. One handler at a time. */
  serve(handler: TransportHandler): Disposable;
}
