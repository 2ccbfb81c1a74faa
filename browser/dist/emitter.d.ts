/** Events with types. */
/** What is called with the details of an event. */
export type Listener<T> = (detail: T) => void;
/** Calls listeners in the order in which they came. What one throws does not keep the others. */
export declare class Emitter<Events extends object> {
    #private;
    /** Listens; returns how to stop. */
    on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void;
    protected emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void;
    /** Calls one listener. */
    protected tell<Detail>(listener: Listener<Detail>, detail: Detail): void;
}
