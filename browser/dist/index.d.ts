/**
 * End-to-end encrypted conferences in the browser: one MLS group per room, one SFrame key per
 * sender and epoch, any SFU.
 */
export { Conference } from "./conference.js";
export type { CallState, ConferenceEvents, EpochChange, JoinOptions, ParticipantState, ReceiverOwner, Snapshot, StateChange, } from "./conference.js";
export { tabDevice } from "./device.js";
export type { MediaSignal, Member, ParticipantId, SenderCounters, Source, Trouble, } from "./facts.js";
export type { Owner, TransformCounters } from "./protocol.js";
export { LACK_IN_WORDS, lacks, type Lack } from "./support.js";
