/** Events with types. */
/** Calls listeners in the order in which they came. What one throws does not keep the others. */
export class Emitter {
    #listeners = {};
    /** Listens; returns how to stop. */
    on(name, listener) {
        const listeners = (this.#listeners[name] ??= new Set());
        listeners.add(listener);
        return () => listeners.delete(listener);
    }
    emit(name, detail) {
        for (const listener of this.#listeners[name] ?? [])
            this.tell(listener, detail);
    }
    /** Calls one listener. */
    tell(listener, detail) {
        try {
            listener(detail);
        }
        catch (error) {
            reportError(error);
        }
    }
}
