/**
 * What the key manager tells, in the shapes that the WebAssembly core writes (`wasm/src/facts.rs`).
 * None of it is secret.
 */
/** One device of one user, written `user@domain/device`. */
export type ParticipantId = string;
/** Where a stream comes from. */
export type Source = "microphone" | "camera" | "screen";
/** The number of each source's stream in our frames' key ids. */
export declare const STREAM_NUMBER: Readonly<Record<Source, number>>;
/** A member of the current epoch. */
export interface Member {
    /** The leaf in the group's tree. */
    readonly leaf: number;
    /** Whose it is, by the credential in that leaf. */
    readonly participant: ParticipantId;
}
/** Why frames of a participant are refused. */
export type Trouble = "missing_key" | "auth_failed" | "replayed" | "wrong_stream";
/**
 * What a person should know of a member who is not refused: its device has another key than the
 * last time, or it is a device of a known user that was not seen before.
 */
export type TrustWarning = "key_changed" | "new_device";
/** A stream as its sender announced it inside the group. */
export interface AnnouncedStream {
    /** Number of the stream in its frames' key ids. */
    readonly number: number;
    readonly source: Source;
}
/** SDP between a participant and the room's SFU. */
export type MediaSignal = {
    readonly signal: "offer";
    readonly sdp: string;
} | {
    readonly signal: "answer";
    readonly sdp: string;
} | {
    readonly signal: "failed";
    readonly code: string;
    readonly detail: string;
};
/** A fact about the group. */
export type GroupFact = {
    readonly type: "joined";
    readonly group: string;
    readonly leaf: number;
} | {
    readonly type: "epoch_changed";
    readonly epoch: number;
    readonly added: readonly ParticipantId[];
    readonly removed: readonly ParticipantId[];
    readonly roster: readonly Member[];
    readonly code: string;
} | {
    readonly type: "sending_in";
    readonly epoch: number;
    readonly reason: "first" | "removal" | "all_ready" | "cap";
} | {
    readonly type: "stronger_suite_possible";
    readonly suite: string;
} | {
    readonly type: "media_ready" | "keyframe_wanted" | "stalled" | "stall_ended";
} | {
    readonly type: "untrusted";
    readonly participant: ParticipantId;
    readonly leaf: number;
    /** What is wrong with its credential, if it is that: see docs/reason-codes.md. */
    readonly code: string | null;
    readonly reason: string;
} | {
    readonly type: "joiner_declined";
    readonly participant: ParticipantId;
    /** What is wrong with its credential: see docs/reason-codes.md. */
    readonly code: string;
    readonly reason: string;
    /** What to do about that. */
    readonly remedy: string;
} | {
    readonly type: "trust_warning";
    readonly participant: ParticipantId;
    readonly warning: TrustWarning;
    readonly detail: string;
} | {
    readonly type: "trust_restored";
    readonly participant: ParticipantId;
} | {
    readonly type: "room_locked";
    readonly locked: boolean;
    /** Nobody in particular where it was locked when we came. */
    readonly by: ParticipantId | null;
} | {
    readonly type: "room_reset";
    readonly author: ParticipantId;
} | {
    readonly type: "resyncing";
    readonly reason: string;
    readonly detail: string;
} | {
    readonly type: "refused";
    readonly request: string;
    readonly reason: string;
    readonly detail: string;
} | {
    readonly type: "left" | "removed";
} | {
    readonly type: "fatal";
    readonly reason: string;
    /** What is wrong with a token or credential, if it is that: see docs/reason-codes.md. */
    readonly code: string | null;
    readonly detail: string;
    /** What to do about that. */
    readonly remedy: string | null;
} | {
    readonly type: "other";
    readonly detail: string;
};
/** A fact about media. */
export type MediaFact = {
    readonly type: "refusing";
    readonly participant: ParticipantId;
    readonly leaf: number;
    readonly trouble: Trouble;
} | {
    readonly type: "resumed";
    readonly participant: ParticipantId;
    readonly trouble: Trouble;
} | {
    readonly type: "key_worn_out";
    readonly epoch: number;
} | {
    readonly type: "other";
    readonly detail: string;
};
/** What people compare, as the core writes it. */
export interface CodeFact {
    readonly digits: string;
    readonly qrText: string;
    readonly qrSvg: string;
}
/** What a comparison with somebody else's text came to. */
export interface CodeComparison {
    /**
     * `match` or `differs`; or why there was nothing to compare, which says nothing for or against
     * anybody: `malformed` is no text of a code, `version` one of another version, `kind` one of the
     * other kind, and `own` our own text of a safety number.
     */
    readonly outcome: "match" | "differs" | "malformed" | "version" | "kind" | "own";
    /** Why there was nothing to compare, for a person; empty if there was. */
    readonly detail: string;
}
/** Frames of one sender, by what became of them. */
export interface SenderCounters {
    readonly participant: ParticipantId;
    readonly opened: number;
    /** Of these: waited for their epoch or announcement first. */
    readonly openedLate: number;
    readonly replayed: number;
    readonly authFailed: number;
    readonly missingKey: number;
    readonly wrongStream: number;
}
/** Where the key manager stands and what it has done with frames. */
export interface CoreCounters {
    /** Name of the MLS cipher suite of the room's group. */
    readonly suite: string | null;
    readonly group: string | null;
    readonly epoch: number | null;
    readonly sendingEpoch: number | null;
    readonly protected: number;
    readonly protectRefused: number;
    readonly malformed: number;
    readonly unknownEpoch: number;
    readonly unknownLeaf: number;
    readonly missingKey: number;
    readonly senders: readonly SenderCounters[];
}
