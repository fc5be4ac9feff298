/** The network of a test: every server in one process, with cuts. Messages arrive a few microtasks later, in order. */
import { assert } from "../../lib/assert.ts";
import type {
  Destination,
  Transport,
  TransportAnswer,
  TransportHandler,
  TransportReply,
} from "./transport.ts";

const noAnswer: TransportAnswer = { kind: "failed" };

/** Connects the transports made by it, by address. */
export class MemoryNetwork {
  readonly #handlers = new Map<string, TransportHandler>();
  readonly #cut = new Set<string>();

  /** The end of the server at `address`. */
  connect(address: string): Transport {
    return {
      send: (to, message) => this.#deliver({ from: address, to }, (handler) => handler.request(message)),
      flush: () => undefined,
      sendSnapshot: (to, transfer) =>
        this.#deliver({ from: address, to }, (handler) => handler.snapshot(transfer)),
      serve: (handler) => this.#serve(address, handler),
    };
  }

  /** Loses everything to and from the server, answers under way included, until `heal`. */
  cut(address: string): void {
    this.#cut.add(address);
  }

  heal(address: string): void {
    this.#cut.delete(address);
  }

  #serve(address: string, handler: TransportHandler): Disposable {
    assert(!this.#handlers.has(address), "one handler serves an address");
    this.#handlers.set(address, handler);
    return { [Symbol.dispose]: () => this.#handlers.delete(address) };
  }

  async #deliver(
    way: { readonly from: string; readonly to: Destination },
    call: (handler: TransportHandler) => Promise<TransportReply>,
  ): Promise<TransportAnswer> {
    await Promise.resolve();
    const handler = this.#handlers.get(way.to.address);
    if (handler === undefined || this.#isCut(way)) return noAnswer;
    const reply = await call(handler);
    if (this.#isCut(way) || this.#handlers.get(way.to.address) !== handler) return noAnswer;
    return reply.kind === "response" ? reply : { kind: "failed", remoteError: reply.error };
  }

  #isCut(way: { readonly from: string; readonly to: Destination }): boolean {
    return this.#cut.has(way.from) || this.#cut.has(way.to.address);
  }
}
