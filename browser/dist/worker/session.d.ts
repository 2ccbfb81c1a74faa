/** One stay in one room: drives the core, the link and the frames. */
import type { AnnouncedStream, CodeComparison, CodeFact, MediaSignal } from "../facts.js";
import type { FromWorker, Moderation, WorkerSnapshot } from "../protocol.js";
import type { Pins } from "./pins.js";
import { Transforms } from "./transforms.js";
export declare class Session {
    #private;
    readonly transforms: Transforms;
    /** `closed` is called when the stay is over and the core has erased its last key. */
    constructor(participant: string, identity: Uint8Array | undefined, pins: Pins, room: string, token: string | undefined, requirePostQuantum: boolean, issuers: readonly string[], url: string, transforms: Transforms, post: (message: FromWorker) => void, closed: () => void);
    announce(streams: readonly AnnouncedStream[]): void;
    signal(signal: MediaSignal): void;
    /** Why it could not be asked for is told as a refusal. */
    moderate(what: Moderation): void;
    setToken(token: string | undefined): void;
    leave(): void;
    /** Gives the connection up as if the network had. */
    reconnect(): void;
    /** Nothing for a name that is none, as for one of nobody here. */
    code(participant: string | undefined): CodeFact | undefined;
    /** Likewise. */
    compareCode(text: string, participant: string | undefined): CodeComparison | undefined;
    /** From now on this is the member's key: a person has compared this safety number. */
    acceptKey(participant: string, compared: string): boolean;
    snapshot(): WorkerSnapshot;
}
