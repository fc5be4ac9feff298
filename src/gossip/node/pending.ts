/** Requests under way, by a number that is never used twice. */
export class Pending<T> {
  readonly #waiting = new Map<number, (answer: T) => void>();
  #lastId = 0;
  #final: { readonly answer: T } | undefined;

  /** A new request: `start` is given its number, and may settle it at once. The promise never rejects. */
  open(start: (id: number) => void): Promise<T> {
    if (this.#final !== undefined) return Promise.resolve(this.#final.answer);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      start(id);
    });
  }

  /** Answers a request; one that is not under way is ignored. */
  settle(id: number, answer: T): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.(answer);
  }

  /** Answers everything that is under way, and all later requests at once. */
  close(answer: T): void {
    this.#final = { answer };
    for (const id of this.#waiting.keys()) this.settle(id, answer);
  }
}
