/** Events with types. */

/** What is called with the details of an event. */
export type Listener<T> = (detail: T) => void;

/** Calls listeners in the order in which they came. What one throws does not keep the others. */
export class Emitter<Events extends object> {
  #listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  /** Listens; returns how to stop. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    for (const listener of this.#listeners[name] ?? []) this.tell(listener, detail);
  }

  /** Calls one listener. */
  protected tell<Detail>(listener: Listener<Detail>, detail: Detail): void {
    try {
      listener(detail);
    } catch (error) {
      reportError(error);
    }
  }
}
