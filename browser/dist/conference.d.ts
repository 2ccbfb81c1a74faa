import { Code } from "./code.js";
import { Emitter, type Listener } from "./emitter.js";
import type { CallState, ConferenceEvents, JoinOptions, Snapshot } from "./events.js";
import { type CodeComparison, type MediaSignal, type Member, type ParticipantId, type Source } from "./facts.js";
import type { Owner } from "./protocol.js";
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
    /** The MLS cipher suite that all members could have, if the service gives the room a weaker one. */
    get strongerSuite(): string | undefined;
    /** Whether the room is locked: nobody new comes in. */
    get locked(): boolean;
    /** Whether our token says that we may remove others, and lock the room. */
    get moderates(): boolean;
    /**
     * Replaces the room token. Call it before the old one is over: the next connection shows it, and
     * so does our credential in the next group that we enter.
     */
    setToken(token: string | undefined): void;
    /** Removes a user, with all devices, and keeps it out until {@link readmit}. For moderators. */
    remove(participant: ParticipantId): void;
    /** Lets a removed user come again. For moderators. */
    readmit(participant: ParticipantId): void;
    /**
     * Locks the room, or unlocks it. For moderators whose token stands in their credential, where
     * every member checks it. The event `lock` follows, or `refused`.
     */
    setLocked(locked: boolean): void;
    /** What we announced that we send. */
    get sources(): readonly Source[];
    /** What a participant says that it sends; nothing if it said nothing. */
    announced(participant: ParticipantId): readonly Source[];
    /** Whether media that is connected now loses nothing. */
    get mediaReady(): boolean;
    /**
     * Listens; returns how to stop. For `state`, `roster`, `code`, `sources`, `owner` and `trust`, the
     * listener is soon called with where things stand, so that nothing is missed between {@link join}
     * and here: once in a microtask, or for `sources` and `trust` once for each participant, and for
     * `owner` once for each receiver that has one. What it is told meanwhile is not repeated.
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
     * What all members compare: the digits of {@link code}, and a QR code of them. It shows that all
     * are in one group, and changes with every epoch. Nothing if we are no member.
     *
     * @throws when the call is over.
     */
    groupCode(): Promise<Code | undefined>;
    /**
     * What to compare with another member: sixty digits in twelve groups, equal for both for as long
     * as both devices keep their keys. They show that somebody is who they were the last time.
     * Nothing if they are no member.
     *
     * @throws when the call is over.
     */
    safetyNumber(participant: ParticipantId): Promise<Code | undefined>;
    /**
     * Compares the text of a QR code that somebody else is shown: with the safety number that we have
     * with `participant`, or without one with the group code. Nothing if they, or we, are no member.
     *
     * @throws when the call is over.
     */
    compareCode(text: string, participant?: ParticipantId): Promise<CodeComparison | undefined>;
    /**
     * From now on a member's key is the one that this browser remembers for its device: a person has
     * compared this safety number. `false` if the member has, or has by now, another one.
     *
     * @throws when the call is over.
     */
    acceptKey(participant: ParticipantId, compared: string): Promise<boolean>;
    /**
     * Numbers for a diagnostics view.
     *
     * @throws when the call is over and the last key is erased.
     */
    snapshot(): Promise<Snapshot>;
}
