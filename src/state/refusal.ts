/** A change that the state refuses: a foreseen answer of the state machine, not a failure of it. */
export class Refusal {
  /** What the client is told. */
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
