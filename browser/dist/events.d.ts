/** What a conference is asked for, and what it tells. */
import type { MediaSignal, Member, ParticipantId, Source, Trouble, TrustWarning } from "./facts.js";
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
    /**
     * The room token, where the service asks for one. One that is bound to our key (see
     * {@link deviceKey}) also goes into our credential, where members check it; any other goes to the
     * service only.
     */
    readonly token?: string | undefined;
    /**
     * Public keys (PEM) of those who make the room's tokens. With any, members without a token of
     * theirs in the credential are refused, whatever the service says. Default: none.
     */
    readonly issuers?: readonly string[];
    /** Enter no room whose keys a later quantum computer gives away. Default: `false`. */
    readonly requirePostQuantum?: boolean;
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
/** What a person should know of a member: whether it is who it says it is, they must find out. */
export interface TrustNotice {
    readonly participant: ParticipantId;
    readonly warning: TrustWarning;
    /** The same in words, to stand behind a name. */
    readonly detail: string;
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
    /** The room was locked or unlocked, by whom if that was while we were here. */
    lock: {
        readonly locked: boolean;
        readonly by: ParticipantId | undefined;
    };
    /** The service or our own core refused what a moderator asked for. */
    refused: {
        readonly request: string;
        readonly reason: string;
        readonly detail: string;
    };
    /** A new epoch, and who came or went with it. */
    epoch: EpochChange;
    /** Sending moved to an epoch. */
    sending: {
        readonly epoch: number;
        readonly reason: string;
    };
    /** All members could have this stronger MLS cipher suite; the service gives the room a weaker one. */
    strongerSuite: string;
    /** The digits that people compare; they change with every epoch. */
    code: string;
    /** Frames of a participant are being refused, or are accepted again. */
    participant: ParticipantState;
    /**
     * The key of a participant is not the one that this browser remembers, or its device is new.
     * Compare the safety number, then `Conference.acceptKey`.
     */
    trust: TrustNotice;
    /** Somebody asks to come in whose credential we refuse; `remedy` says what to do about it. */
    declined: {
        readonly participant: ParticipantId;
        readonly code: string;
        readonly reason: string;
        readonly remedy: string;
    };
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
