/** The keys of others that this origin remembers between calls, so that a change is told. */
/** What one worker knows of them. Other workers of this origin learn at the same time. */
export declare class Pins {
    #private;
    /** What the core began with, as JSON; nothing if nothing is remembered, or can be. */
    readonly known: string | undefined;
    private constructor();
    static open(): Promise<Pins>;
    /** Stores what is remembered now, one write after the other. */
    keep(json: string): void;
}
