/** Callbacks by event. One that fails is reported, and keeps the others from nothing. */

export class Emitter<Events extends object> {
  #callbacks = new Map<PropertyKey, Set<(value: never) => void>>();

  /** Returns what ends it. */
  on<Name extends keyof Events>(event: Name, callback: (value: Events[Name]) => void): () => void {
    const callbacks = this.#callbacks.get(event) ?? new Set();
    this.#callbacks.set(event, callbacks);
    callbacks.add(callback as (value: never) => void);
    return () => this.off(event, callback);
  }

  /** Without a callback: all of the event's. */
  off<Name extends keyof Events>(event: Name, callback?: (value: Events[Name]) => void): void {
    if (callback) this.#callbacks.get(event)?.delete(callback as (value: never) => void);
    else this.#callbacks.delete(event);
  }

  has(event: keyof Events): boolean {
    return (this.#callbacks.get(event)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    for (const callback of [...(this.#callbacks.get(event) ?? [])]) {
      try {
        (callback as (value: Events[Name]) => void)(value);
      } catch (error) {
        // As if a listener of the page's own had thrown it; Safari 15 cannot do that.
        if (typeof reportError === "function") reportError(error);
        else console.error(error);
      }
    }
  }
}
