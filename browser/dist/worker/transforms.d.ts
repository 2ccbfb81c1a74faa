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
export declare class Transforms {
    #private;
    constructor(post: (message: FromWorker) => void);
    /** Frames go through this core from now on; `troubled` is called when it has facts to tell. */
    attach(core: Core, troubled: () => void): void;
    /** Connects both ends of a sender or receiver. */
    pipe(options: TransformOptions, readable: ReadableStream, writable: WritableStream, keyframes: Keyframes): void;
    forget(id: number): void;
    announced(participant: string, streams: readonly AnnouncedStream[]): void;
    /** Somebody new can see us. */
    giveKeyframes(): void;
    /** Passes on what has waited and drops what has waited in vain. */
    release(): void;
    counters(): TransformCounters[];
    heardIn(): Record<string, number>;
}
export {};
