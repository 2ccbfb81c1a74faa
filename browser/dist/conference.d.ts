import { Emitter, type Listener } from "./emitter.js";
import { type MediaSignal, type Member, type ParticipantId, type Source, type Trouble } from "./facts.js";
import type { Owner, WorkerSnapshot } from "./protocol.js";
/** What to join, and as whom. */
export interface JoinOptions {
    /** The delivery service, `wss://host/` or `ws://host:port/`. */
    readonly url: string;
    /** The room: 1 to 64 letters, digits and `-_.+`. */
    readonly room: string;
    /** The user, `name` or `name@domain`; each part as the room. */
    readonly name: string;
    /** Which of the user's devices this is; see {@link tabDevice}. */
    readonly device: string;
    /** Proof of admission where the service asks for one. It goes to the service only. */
    readonly token?: string;
    /** What we send, announced to every member. Default: microphone and camera. */
    readonly sources?: readonly Source[];
}
/** Where the stay stands. */
export type CallState = 
/** On the way in. */
"connecting"
/** A member of the room's group. */
 | "joined"
/** The stay broke and is being entered anew, by itself. */
 | "resyncing"
/** The service said nothing for too long: nothing is sent until it speaks again. */
 | "stalled"
/** We left, as asked. */
 | "left"
/** Somebody removed us. */
 | "removed"
/** It is over and cannot go on by itself. */
 | "failed";
/** A {@link CallState} with its reason. */
export interface StateChange {
    readonly state: CallState;
    /** Why, for the program: empty where the state says it. */
    readonly reason: string;
    /** Why, for a person. */
    readonly detail: string;
}
/** A new epoch of the group. */
export interface EpochChange {
    readonly epoch: number;
    /** Who came with it. */
    readonly added: readonly ParticipantId[];
    /** Who went with it. */
    readonly removed: readonly ParticipantId[];
}
/** How frames of a participant fare. */
export interface ParticipantState {
    readonly participant: ParticipantId;
    readonly trouble: Trouble;
    /** `true` when that trouble is over. */
    readonly resumed: boolean;
}
/** Whose key opens the frames of a receiver: the only name that can be believed. */
export interface ReceiverOwner extends Owner {
    readonly receiver: RTCRtpReceiver;
}
/** A sender or receiver through which nothing passes, for its codec cannot be protected. */
export interface CodecProblem {
    /** The media type; empty where the browser does not say it. */
    readonly codec: string;
    /** Why, for a person. */
    readonly reason: string;
    /** Which end it is, unless it was forgotten: one of the two. */
    readonly sender?: RTCRtpSender;
    readonly receiver?: RTCRtpReceiver;
}
/** The events of a {@link Conference}. */
export interface ConferenceEvents {
    /** Where the stay stands. */
    state: StateChange;
    /** Who is in the current epoch. */
    roster: readonly Member[];
    /** A new epoch, and who came or went with it. */
    epoch: EpochChange;
    /** Sending moved to an epoch. */
    sending: {
        readonly epoch: number;
        readonly reason: string;
    };
    /** The digits that people compare; they change with every epoch. */
    code: string;
    /** Frames of a participant are being refused, or are accepted again. */
    participant: ParticipantState;
    /** A receiver's frames are opened with the key of this participant from now on. */
    owner: ReceiverOwner;
    /** What a participant says that it sends. */
    sources: {
        readonly participant: ParticipantId;
        readonly sources: readonly Source[];
    };
    /** The connection to the delivery service was lost or is back. */
    link: {
        readonly up: boolean;
        readonly reason: string;
    };
    /** A sender or receiver uses a codec whose frames cannot be protected: nothing passes. */
    codec: CodecProblem;
    /** Everybody has the keys of our first epoch: media connected now loses nothing. */
    media: void;
    /** Media signaling of the room's SFU; `@mls-srtp/browser/sfu` heeds it. */
    signal: MediaSignal;
}
/** Numbers for a diagnostics view. */
export interface Snapshot extends WorkerSnapshot {
    readonly state: CallState;
    readonly roster: readonly Member[];
    readonly code: string;
}
/**
 * A stay in a room whose members encrypt media for each other.
 *
 * Keys, the MLS group and the connection to the delivery service live in a dedicated worker, and
 * no key ever leaves it. Every sender given to {@link protect} sends nothing but ciphertext, and
 * every receiver given to {@link open} yields nothing but what a member's key opened; both fail
 * closed. Any `RTCPeerConnection` and any SFU will do, as long as encoded frames arrive whole.
 *
 * ```ts
 * const call = await Conference.join({ url, room: "standup", name: "ada", device: await tabDevice() });
 * call.on("owner", ({ receiver, participant }) => show(receiver.track, participant));
 * const connection = new RTCPeerConnection(connectionConfig());
 * call.protect(connection.addTransceiver(track).sender, "camera");
 * connection.ontrack = ({ receiver }) => call.open(receiver);
 * ```
 */
export declare class Conference extends Emitter<ConferenceEvents> {
    #private;
    /** Who we are. */
    readonly participant: ParticipantId;
    /**
     * Enters a room. Resolves when we are a member.
     *
     * @throws when the browser lacks something, the service cannot be reached, or it does not let us
     * in. Losing the service later is mended by itself.
     */
    static join(options: JoinOptions): Promise<Conference>;
    private constructor();
    /** Where the stay stands. */
    get state(): CallState;
    /** The members of the current epoch. */
    get roster(): readonly Member[];
    /** Thirty digits in six groups, equal for all who are in this epoch. */
    get code(): string;
    /** The current epoch. */
    get epoch(): number | undefined;
    /** What we announced that we send. */
    get sources(): readonly Source[];
    /** What a participant says that it sends; nothing if it said nothing. */
    announced(participant: ParticipantId): readonly Source[];
    /** Whether media that is connected now loses nothing. */
    get mediaReady(): boolean;
    /**
     * Listens; returns how to stop. For `state`, `roster`, `code`, `sources` and `owner`, the listener
     * is soon called with where things stand, so that nothing is missed between {@link join} and
     * here: once in a microtask, or for `sources` once for each participant, and for `owner` once for
     * each receiver that has one. What it is told meanwhile is not repeated.
     */
    on<Name extends keyof ConferenceEvents>(name: Name, listener: Listener<ConferenceEvents[Name]>): () => void;
    protected emit<Name extends keyof ConferenceEvents>(name: Name, detail: ConferenceEvents[Name]): void;
    /** Announces what we send. Frames of anything else are refused by all receivers. */
    announce(sources: readonly Source[]): void;
    /**
     * Protects every frame of a sender. Call it before the sender sends, and once; the source may
     * be announced later. Its connection must have been made with {@link connectionConfig}, which
     * some browsers need.
     *
     * @throws when the sender has been given here before, or the browser does not let its frames be
     * protected; then it must not be given a track.
     */
    protect(sender: RTCRtpSender, source: Source): void;
    /**
     * Opens every frame of a receiver. Call it in `ontrack`, as often as that comes: a receiver that
     * is open stays as it is, and one that was forgotten is opened again. Whose frames they are is
     * told by the event `owner`. The connection must have been made with {@link connectionConfig},
     * which some browsers need.
     *
     * @throws when the browser does not let its frames be opened.
     */
    open(receiver: RTCRtpReceiver): void;
    /**
     * Forgets a sender or receiver whose connection is closed, or that is stopped. Should frames still
     * come, they are protected or opened as before, but nothing is told of them.
     */
    forget(end: RTCRtpSender | RTCRtpReceiver): void;
    /** Whose key opened a receiver's frames, if any were opened. */
    owner(receiver: RTCRtpReceiver): Owner | undefined;
    /** Sends media signaling to the room's SFU. */
    signal(signal: MediaSignal): void;
    /** Drops the connection to the delivery service and connects again: when the network changed. */
    reconnect(): void;
    /**
     * Leaves. The state becomes `left` once the group has gone on without us, and the worker ends when
     * it has erased its last key.
     */
    leave(): void;
    /** Ends the worker at once, and with it every key. Frames do not pass any more. */
    close(): void;
    /**
     * Sixty digits in twelve groups to compare with another member, equal for both for as long as
     * both devices keep their keys: they show that somebody is who they were the last time. Nothing
     * if they are no member.
     *
     * @throws when the call is over.
     */
    safetyNumber(participant: ParticipantId): Promise<string | undefined>;
    /**
     * Numbers for a diagnostics view.
     *
     * @throws when the call is over and the last key is erased.
     */
    snapshot(): Promise<Snapshot>;
}
