/** The `Date` of answers, rendered once a second. */
export class HttpDate {
  #second = -1;
  #text = "";

  text(): string {
    const nowMs = Date.now();
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(nowMs).toUTCString();
    }
    return this.#text;
  }
}
