import type { AnnouncedStream, GroupFact, MediaFact, MediaSignal, ParticipantId } from "../facts.js";
/** What comes out of `Core.poll`, as `wasm/src/told.rs` writes it. */
export type Told = {
    readonly kind: "send";
    readonly body: unknown;
} | {
    readonly kind: "reconnect";
} | {
    readonly kind: "signal";
    readonly body: MediaSignal;
} | {
    readonly kind: "group";
    readonly body: GroupFact;
} | {
    readonly kind: "media";
    readonly body: MediaFact;
} | {
    readonly kind: "streams";
    readonly body: {
        readonly participant: ParticipantId;
        readonly streams: readonly AnnouncedStream[];
    };
};
