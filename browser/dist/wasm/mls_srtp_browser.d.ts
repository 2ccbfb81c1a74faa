/* tslint:disable */
/* eslint-disable */

/**
 * One participant's stay in one room, with its frames.
 */
export class Core {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * From now on a member's key is the one that is remembered for its device: a person has
     * compared this safety number. `false` if the member has, or has by now, another one.
     *
     * # Errors
     * The name does not parse.
     */
    acceptKey(participant: string, compared: string): boolean;
    /**
     * Says which streams are ours: JSON, a list of `{ "number": …, "source": … }`, where `number`
     * is the one given to [`Core::protect`].
     *
     * # Errors
     * Not such a list.
     */
    announce(streams: string): void;
    /**
     * The keys of others that are remembered, as JSON, if there are others than when this was last
     * asked: to be stored.
     */
    changedPins(): string | undefined;
    /**
     * What to compare with another member to know each other's keys, or without one what all
     * compare in this epoch: JSON, `{ "digits": …, "qrText": …, "qrSvg": … }`. Nothing if either is
     * no member.
     *
     * # Errors
     * The name does not parse.
     */
    code(participant?: string | null): string | undefined;
    /**
     * Compares such a code with the text of somebody else's: JSON,
     * `{ "outcome": …, "detail": … }`.
     *
     * # Errors
     * The name does not parse.
     */
    compareCode(text: string, participant?: string | null): string | undefined;
    /**
     * The connection to the service is up.
     */
    connected(now: number): void;
    /**
     * The connection to the service is gone.
     */
    disconnected(): void;
    /**
     * Does what is due.
     */
    handleTimeout(now: number): void;
    /**
     * Enters a room.
     *
     * # Errors
     * The name does not parse, or a room was entered before.
     */
    join(room: string, token?: string | null): void;
    /**
     * Leaves the room.
     *
     * # Errors
     * In no room.
     */
    leave(): void;
    /**
     * A new signature key for `user@domain/device`, to be stored where nobody else can read it and
     * given to one core at a time. It is the one secret that passes this face.
     *
     * # Errors
     * The name does not parse, or the browser has no randomness.
     */
    static newIdentity(participant: string): Uint8Array;
    /**
     * A core for `user@domain/device`: with the signature key in `identity`, as
     * [`Core::new_identity`] made it, or for this stay only with a new one. `pins` are the keys of
     * others that are remembered, as [`Core::changed_pins`] gave them. With
     * `require_post_quantum` it enters no room whose keys a later quantum computer gives away. With
     * `issuers`, public keys in PEM, it trusts those alone whose credential holds a token of theirs.
     *
     * # Errors
     * The name does not parse, the identity is another's or none, the pins or issuers are none, or
     * the browser has no randomness.
     */
    constructor(participant: string, identity: Uint8Array | number[] | null | undefined, pins: string | null | undefined, require_post_quantum: boolean, issuers: string[]);
    /**
     * Opens one frame. `ticket` names it should it have to wait.
     *
     * # Errors
     * A codec that no frame of this format can have.
     */
    open(mime: string, frame: Uint8Array | number[], ticket: number, now: number): Opening;
    /**
     * The ticket of a frame that waited in vain.
     */
    pollDropped(): number | undefined;
    /**
     * A frame that had waited and is open now.
     */
    pollReleased(): Opening | undefined;
    /**
     * When [`Core::handle_timeout`] wants to be called next, if ever.
     */
    pollTimeout(): number | undefined;
    /**
     * The next thing to do or to tell, as JSON; see `worker/told.ts` for its shapes. Drain after
     * every call. Key updates are applied on the way.
     */
    poll(now: number): string | undefined;
    /**
     * Protects one encoded frame of a stream that we announced.
     *
     * # Errors
     * The frame must not be sent; the message says why.
     */
    protect(stream: number, mime: string, frame: Uint8Array | number[], now: number): Uint8Array;
    /**
     * Asks the service to let a removed user come again.
     *
     * # Errors
     * The name does not parse, or in no room.
     */
    readmit(participant: string): void;
    /**
     * Takes an envelope of the service.
     *
     * # Errors
     * It is none; nothing has changed.
     */
    receive(envelope: string, now: number): void;
    /**
     * Asks the service to remove a user, with all devices, and to keep it out.
     *
     * # Errors
     * The name does not parse, or in no room.
     */
    remove(participant: string): void;
    /**
     * Locks or unlocks the room.
     *
     * # Errors
     * In no room, or our credential does not say that we may.
     */
    setLocked(locked: boolean, now: number): void;
    /**
     * Replaces the room token. Call it before the old one is over: the next connection shows it,
     * and so does our leaf in the next group that we enter.
     *
     * # Errors
     * In no room.
     */
    setToken(token?: string | null): void;
    /**
     * Sends media signaling, as JSON, to the room's SFU.
     *
     * # Errors
     * No such signal, or in no room.
     */
    signal(signal: string): void;
    /**
     * What has been done so far, as JSON.
     */
    stats(): string;
    /**
     * The thumbprint (RFC 7638) of such an identity's key, for whoever makes room tokens for it.
     *
     * # Errors
     * It is no identity.
     */
    static thumbprintOf(identity: Uint8Array | number[]): string;
}

/**
 * What became of a received frame.
 */
export enum FrameFate {
    /**
     * In plain.
     */
    Opened = 0,
    /**
     * It waits; its ticket comes back from `pollReleased` or `pollDropped`.
     */
    Held = 1,
    /**
     * Nothing in it: drop it silently.
     */
    Probe = 2,
    /**
     * Drop it.
     */
    Refused = 3,
}

/**
 * A received frame, opened or not.
 */
export class Opening {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The frame in plain, once: it is moved out.
     */
    take(): Uint8Array | undefined;
    /**
     * The epoch of that key.
     */
    readonly epoch: number;
    /**
     * What became of it.
     */
    readonly fate: FrameFate;
    /**
     * The leaf whose key opened it.
     */
    readonly leaf: number;
    /**
     * Whose key opened it.
     */
    readonly participant: string | undefined;
    /**
     * Why it was refused.
     */
    readonly reason: string | undefined;
    /**
     * The stream's number.
     */
    readonly stream: number;
    /**
     * The ticket it was given.
     */
    readonly ticket: number;
}

/**
 * A code of a vector's authenticator or keys, likewise without a group.
 */
export class VectorCode {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * As [`Core::compare_code`](crate::Core::compare_code).
     */
    compare(text: string): string;
    /**
     * The group code of an epoch authenticator.
     */
    static group(epoch_authenticator: Uint8Array | number[]): VectorCode;
    /**
     * The safety number of two devices as the first shows it.
     *
     * # Errors
     * A name does not parse.
     */
    static pair(own: string, own_key: Uint8Array | number[], other: string, other_key: Uint8Array | number[]): VectorCode;
    /**
     * As [`Core::code`](crate::Core::code).
     */
    shown(): string;
}

/**
 * A sender with the base key of a vector instead of a group's. It has nothing to do with any
 * [`Core`](crate::Core): it shows that this build makes the same bytes as every other one.
 */
export class VectorSender {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The sender at a leaf in an epoch; `suite` is the SFrame cipher suite's number.
     *
     * # Errors
     * An unknown suite, or a base key of another length than its.
     */
    constructor(suite: number, base_key: Uint8Array | number[], leaf: number, epoch: number);
    /**
     * Protects the next frame of a stream.
     *
     * # Errors
     * As [`Core::protect`](crate::Core::protect).
     */
    protect(stream: number, mime: string, frame: Uint8Array | number[]): Uint8Array;
}

/**
 * Why frames of a media type such as `video/AV1` cannot be protected; nothing if they can.
 */
export function codecProblem(mime: string): string | undefined;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_core_free: (a: number, b: number) => void;
    readonly __wbg_opening_free: (a: number, b: number) => void;
    readonly __wbg_vectorcode_free: (a: number, b: number) => void;
    readonly __wbg_vectorsender_free: (a: number, b: number) => void;
    readonly codecProblem: (a: number, b: number) => [number, number];
    readonly core_acceptKey: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly core_announce: (a: number, b: number, c: number) => [number, number];
    readonly core_changedPins: (a: number) => [number, number];
    readonly core_code: (a: number, b: number, c: number) => [number, number, number, number];
    readonly core_compareCode: (a: number, b: number, c: number, d: number, e: number) => [number, number, number, number];
    readonly core_connected: (a: number, b: number) => void;
    readonly core_disconnected: (a: number) => void;
    readonly core_handleTimeout: (a: number, b: number) => void;
    readonly core_join: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly core_leave: (a: number) => [number, number];
    readonly core_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number) => [number, number, number];
    readonly core_newIdentity: (a: number, b: number) => [number, number, number, number];
    readonly core_open: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly core_poll: (a: number, b: number) => [number, number];
    readonly core_pollDropped: (a: number) => number;
    readonly core_pollReleased: (a: number) => number;
    readonly core_pollTimeout: (a: number) => [number, number];
    readonly core_protect: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number, number];
    readonly core_readmit: (a: number, b: number, c: number) => [number, number];
    readonly core_receive: (a: number, b: number, c: number, d: number) => [number, number];
    readonly core_remove: (a: number, b: number, c: number) => [number, number];
    readonly core_setLocked: (a: number, b: number, c: number) => [number, number];
    readonly core_setToken: (a: number, b: number, c: number) => [number, number];
    readonly core_signal: (a: number, b: number, c: number) => [number, number];
    readonly core_stats: (a: number) => [number, number];
    readonly core_thumbprintOf: (a: number, b: number) => [number, number, number, number];
    readonly opening_epoch: (a: number) => number;
    readonly opening_fate: (a: number) => number;
    readonly opening_leaf: (a: number) => number;
    readonly opening_participant: (a: number) => [number, number];
    readonly opening_reason: (a: number) => [number, number];
    readonly opening_stream: (a: number) => number;
    readonly opening_take: (a: number) => [number, number];
    readonly opening_ticket: (a: number) => number;
    readonly vectorcode_compare: (a: number, b: number, c: number) => [number, number];
    readonly vectorcode_group: (a: number, b: number) => number;
    readonly vectorcode_pair: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number, number];
    readonly vectorcode_shown: (a: number) => [number, number];
    readonly vectorsender_new: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly vectorsender_protect: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number, number];
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __externref_drop_slice: (a: number, b: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
