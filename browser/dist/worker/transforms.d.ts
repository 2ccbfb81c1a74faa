/** Encoded frames on their way: everything that leaves is protected, everything that comes in is
 * opened, and what is neither goes nowhere. */
import { type Core } from "../wasm/mls_srtp_browser.js";
import type { AnnouncedStream } from "../facts.js";
import type { FromWorker, TransformCounters, TransformOptions } from "../protocol.js";
/** The part of `RTCRtpScriptTransformer` that not every browser has. */
interface Keyframes {
    generateKeyFrame?(): Promise<unknown>;
    sendKeyFrameRequest?(): Promise<unknown>;
}
/** What the frames' way tells of the core. */
export interface CoreListener {
    /** The core has facts to tell. */
    troubled(): void;
    /** The core broke off in the middle of something. */
    broken(error: unknown): void;
}
export declare class Transforms {
    #private;
    constructor(post: (message: FromWorker) => void);
    /** Frames go through this core from now on. */
    attach(core: Core, listener: CoreListener): void;
    /** No frame goes anywhere from now on. */
    detach(): void;
    /** Connects both ends of a sender or receiver. */
    pipe(options: TransformOptions, readable: ReadableStream, writable: WritableStream, keyframes: Keyframes): void;
    /** The page has no use for it any more. What still comes through it is treated as before. */
    forget(id: number): void;
    /** Takes a forgotten transform back, and tells its owner anew, once a frame comes through it. */
    remember(id: number): void;
    announced(participant: string, streams: readonly AnnouncedStream[]): void;
    /** Looks with the next frame of each receiver whose it is, though nothing of its key changed. */
    doubtOwners(): void;
    /** Somebody new can see us. */
    giveKeyframes(): void;
    /** Passes on what has waited and drops what has waited in vain. */
    release(): void;
    counters(): TransformCounters[];
    heardIn(): Record<string, number>;
}
export {};
