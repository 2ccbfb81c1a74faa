/**
 * What the key manager tells, in the shapes that the WebAssembly core writes (`wasm/src/facts.rs`).
 * None of it is secret.
 */

/** One device of one user, written `user@domain/device`. */
export type ParticipantId = string;

/** Where a stream comes from. */
export type Source = "microphone" | "camera" | "screen";

/** The number of each source's stream in our frames' key ids. */
export const STREAM_NUMBER: Readonly<Record<Source, number>> = {
  microphone: 1,
  camera: 2,
  screen: 3,
};

/** A member of the current epoch. */
export interface Member {
  /** The leaf in the group's tree. */
  readonly leaf: number;
  /** Whose it is, by the credential in that leaf. */
  readonly participant: ParticipantId;
}

/** Why frames of a participant are refused. */
export type Trouble = "missing_key" | "auth_failed" | "replayed" | "wrong_stream";

/** A stream as its sender announced it inside the group. */
export interface AnnouncedStream {
  /** Number of the stream in its frames' key ids. */
  readonly number: number;
  readonly source: Source;
}

/** SDP between a participant and the room's SFU. */
export type MediaSignal =
  | { readonly signal: "offer"; readonly sdp: string }
  | { readonly signal: "answer"; readonly sdp: string }
  | { readonly signal: "failed"; readonly code: string; readonly detail: string };

/** A fact about the group. */
export type GroupFact =
  | { readonly type: "joined"; readonly group: string; readonly leaf: number }
  | {
      readonly type: "epoch_changed";
      readonly epoch: number;
      readonly added: readonly ParticipantId[];
      readonly removed: readonly ParticipantId[];
      readonly roster: readonly Member[];
      readonly code: string;
    }
  | {
      readonly type: "sending_in";
      readonly epoch: number;
      readonly reason: "first" | "removal" | "all_ready" | "cap";
    }
  | { readonly type: "media_ready" | "keyframe_wanted" | "stalled" | "stall_ended" }
  | {
      readonly type: "untrusted";
      readonly participant: ParticipantId;
      readonly leaf: number;
      readonly reason: string;
    }
  | { readonly type: "trust_restored"; readonly participant: ParticipantId }
  | {
      readonly type: "room_locked";
      readonly locked: boolean;
      /** Nobody in particular where it was locked when we came. */
      readonly by: ParticipantId | null;
    }
  | { readonly type: "room_reset"; readonly author: ParticipantId }
  | { readonly type: "resyncing"; readonly reason: string; readonly detail: string }
  | {
      readonly type: "refused";
      readonly request: string;
      readonly reason: string;
      readonly detail: string;
    }
  | { readonly type: "left" | "removed" }
  | { readonly type: "fatal"; readonly reason: string; readonly detail: string }
  | { readonly type: "other"; readonly detail: string };

/** A fact about media. */
export type MediaFact =
  | {
      readonly type: "refusing";
      readonly participant: ParticipantId;
      readonly leaf: number;
      readonly trouble: Trouble;
    }
  | { readonly type: "resumed"; readonly participant: ParticipantId; readonly trouble: Trouble }
  | { readonly type: "key_worn_out"; readonly epoch: number }
  | { readonly type: "other"; readonly detail: string };

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
