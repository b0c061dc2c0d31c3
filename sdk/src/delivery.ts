/**
 * Messages over one connection after another: what was sent on one that broke, and was not received,
 * is sent again on the next. Pure.
 */

/** Of what was sent; the server cannot have missed more than a connection's worth of it. */
const KEPT = 500;

export class Delivery {
  /** Messages that were received, over all connections. */
  received = 0;
  #sent: string[] = [];
  #first = 0;

  /** Note what is sent. */
  sent(text: string): void {
    this.#sent.push(text);
    if (this.#sent.length > KEPT) {
      this.#sent.shift();
      this.#first += 1;
    }
  }

  /** What the other side, which has received so many messages, has missed; null if it is too much. */
  missed(received: number): string[] | null {
    const at = received - this.#first;
    return at < 0 || at > this.#sent.length ? null : this.#sent.slice(at);
  }
}
