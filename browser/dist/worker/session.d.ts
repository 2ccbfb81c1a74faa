/** One stay in one room: drives the core, the link and the frames. */
import type { AnnouncedStream, MediaSignal } from "../facts.js";
import type { FromWorker, WorkerSnapshot } from "../protocol.js";
import { Transforms } from "./transforms.js";
export declare class Session {
    #private;
    readonly transforms: Transforms;
    /** `closed` is called when the stay is over and the core has erased its last key. */
    constructor(participant: string, identity: Uint8Array | undefined, room: string, token: string | undefined, url: string, transforms: Transforms, post: (message: FromWorker) => void, closed: () => void);
    announce(streams: readonly AnnouncedStream[]): void;
    signal(signal: MediaSignal): void;
    leave(): void;
    /** Gives the connection up as if the network had. */
    reconnect(): void;
    /** Nothing for a name that is none, as for one of nobody here. */
    safetyNumber(participant: string): string | undefined;
    snapshot(): WorkerSnapshot;
}
