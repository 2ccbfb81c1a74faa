/**
 * Media through the room's own SFU, whose signaling travels with the delivery service. Calls that
 * bring another SFU do not need this module.
 */
import type { Conference } from "./conference.js";
import { Emitter } from "./emitter.js";
import type { Source } from "./facts.js";
/** The events of an {@link SfuConnection}. */
export interface SfuEvents {
    /** A receiver came; whose it is, the conference's event `owner` tells once its frames open. */
    receiver: RTCRtpReceiver;
    /** A receiver's stream has ended. */
    ended: RTCRtpReceiver;
    /** Media is connected, or lost and tried again. */
    state: {
        readonly connected: boolean;
        readonly reason: string;
    };
}
/**
 * A peer connection to the room's SFU that is made again whenever it is lost.
 *
 * It offers once, with a section for each source, so that a camera or screen that is switched on
 * later needs no negotiation; from then on only the SFU offers.
 */
export declare class SfuConnection extends Emitter<SfuEvents> {
    #private;
    /** Connects as soon as the group is ready for media. */
    constructor(call: Conference, tracks?: Partial<Record<Source, MediaStreamTrack>>);
    /** The peer connection of the moment, for statistics. */
    get connection(): RTCPeerConnection | undefined;
    /** Whether media flows. */
    get connected(): boolean;
    /**
     * Sends a track, or nothing, as a source, and announces what is sent. The stream goes on, and
     * nothing is negotiated.
     */
    setTrack(source: Source, track: MediaStreamTrack | undefined): Promise<void>;
    /** Ends the connection. */
    close(): void;
}
