/**
 * End-to-end encrypted conferences in the browser: one MLS group per room, one SFrame key per
 * sender and epoch, any SFU.
 */
export { Conference } from "./conference.js";
export type { CallState, CodecProblem, ConferenceEvents, EpochChange, JoinOptions, ParticipantState, ReceiverOwner, Snapshot, StateChange, TrustNotice, } from "./events.js";
export { Code } from "./code.js";
export { tabDevice } from "./device.js";
export { deviceKey } from "./key.js";
export { claimsOf, type TokenClaims } from "./token.js";
export type { CodeComparison, CoreCounters, MediaSignal, Member, ParticipantId, SenderCounters, Source, Trouble, TrustWarning, } from "./facts.js";
export type { MediaKind, Owner, TransformCounters, WorkerSnapshot } from "./protocol.js";
export { connectionConfig, hasScriptTransform, LACK_IN_WORDS, lacks, type Lack } from "./support.js";
