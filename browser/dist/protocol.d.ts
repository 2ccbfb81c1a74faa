/**
 * What the page and the worker say to each other. Keys, MLS state and plain frames never travel
 * here: the worker has them and keeps them.
 */
import type { AnnouncedStream, CodeComparison, CodeFact, CoreCounters, GroupFact, MediaFact, MediaSignal, ParticipantId, Source } from "./facts.js";
/** What a transform is for. Also the `options` of an `RTCRtpScriptTransform`. */
export type TransformOptions = {
    readonly id: number;
    readonly side: "send";
    readonly media: MediaKind;
    readonly stream: number;
} | {
    readonly id: number;
    readonly side: "receive";
    readonly media: MediaKind;
};
/** Kind of the track behind a transform. */
export type MediaKind = "audio" | "video";
/** What a moderator does. */
export type Moderation = {
    readonly act: "remove" | "readmit";
    readonly participant: ParticipantId;
} | {
    readonly act: "lock";
    readonly locked: boolean;
};
/** Page to worker. */
export type ToWorker = {
    readonly kind: "join";
    readonly url: string;
    readonly room: string;
    readonly participant: ParticipantId;
    readonly token: string | undefined;
    readonly requirePostQuantum: boolean;
    readonly issuers: readonly string[];
}
/** Only says which key a device has. */
 | {
    readonly kind: "key";
    readonly participant: ParticipantId;
} | {
    readonly kind: "leave";
} | {
    readonly kind: "token";
    readonly token: string | undefined;
} | {
    readonly kind: "moderate";
    readonly what: Moderation;
} | {
    readonly kind: "announce";
    readonly streams: readonly AnnouncedStream[];
} | {
    readonly kind: "signal";
    readonly signal: MediaSignal;
} | {
    readonly kind: "reconnect";
} | {
    readonly kind: "snapshot";
    readonly id: number;
}
/** The safety number with a participant, or the group code. */
 | {
    readonly kind: "code";
    readonly id: number;
    readonly participant: ParticipantId | undefined;
} | {
    readonly kind: "compare_code";
    readonly id: number;
    readonly text: string;
    readonly participant: ParticipantId | undefined;
} | {
    readonly kind: "accept_key";
    readonly id: number;
    readonly participant: ParticipantId;
    readonly compared: string;
} | {
    readonly kind: "forget";
    readonly transform: number;
}
/** A receiver that was forgotten is wanted again. */
 | {
    readonly kind: "remember";
    readonly transform: number;
} | {
    /** Encoded streams of a browser without `RTCRtpScriptTransform`, transferred. */
    readonly kind: "encoded_streams";
    readonly options: TransformOptions;
    readonly readable: ReadableStream;
    readonly writable: WritableStream;
};
/** Worker to page. */
export type FromWorker = {
    readonly kind: "group";
    readonly fact: GroupFact;
} | {
    readonly kind: "media";
    readonly fact: MediaFact;
} | {
    readonly kind: "streams";
    readonly participant: ParticipantId;
    readonly streams: readonly AnnouncedStream[];
} | {
    readonly kind: "signal";
    readonly signal: MediaSignal;
} | {
    readonly kind: "link";
    readonly up: boolean;
    readonly reason: string;
} | {
    readonly kind: "owner";
    readonly transform: number;
    readonly owner: Owner;
} | {
    /** No more frames go through a transform; `reason` is nothing where that was to be. */
    readonly kind: "ended";
    readonly transform: number;
    readonly reason: string | undefined;
} | {
    readonly kind: "unsupported_codec";
    readonly transform: number;
    readonly codec: string;
    readonly reason: string;
} | {
    readonly kind: "snapshot";
    readonly id: number;
    readonly snapshot: WorkerSnapshot;
} | {
    readonly kind: "code";
    readonly id: number;
    readonly code: CodeFact | undefined;
} | {
    readonly kind: "code_comparison";
    readonly id: number;
    readonly comparison: CodeComparison | undefined;
} | {
    readonly kind: "key_accepted";
    readonly id: number;
    readonly accepted: boolean;
} | {
    readonly kind: "key";
    readonly thumbprint: string | undefined;
} | {
    readonly kind: "failed";
    readonly reason: string;
}
/** The last message: the stay is over, the last key is erased, and the worker ends. */
 | {
    readonly kind: "closed";
};
/** Whose key opened the frames of a receiver. */
export interface Owner {
    readonly participant: ParticipantId;
    readonly leaf: number;
    /** Number of the stream. */
    readonly stream: number;
    /** What the sender announced that number to be. */
    readonly source: Source | undefined;
}
/** Numbers for a diagnostics view. */
export interface WorkerSnapshot extends CoreCounters {
    readonly linkUp: boolean;
    /** The epoch of the newest frame of each participant: who is behind ours lags. */
    readonly heardIn: Readonly<Record<ParticipantId, number>>;
    readonly reconnects: number;
    readonly transforms: readonly TransformCounters[];
}
/** Frames of one transform, by what became of them. */
export interface TransformCounters {
    readonly id: number;
    readonly side: "send" | "receive";
    readonly media: MediaKind;
    /** Passed on, protected or opened. */
    readonly passed: number;
    /** Dropped, by reason. */
    readonly dropped: Readonly<Record<string, number>>;
    readonly owner: Owner | undefined;
}
