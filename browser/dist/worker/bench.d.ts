/** Times what the worker does with a frame, with the cipher that it does it with. */
/** One thing that was timed. */
export interface Timing {
    readonly what: string;
    /** Microseconds for one frame: the middle of all, and what 95 of 100 stay below. */
    readonly median: number;
    readonly p95: number;
}
