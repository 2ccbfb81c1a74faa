/* @ts-self-types="./mls_srtp_browser.d.ts" */

/**
 * One participant's stay in one room, with its frames.
 */
export class Core {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        CoreFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_core_free(ptr, 0);
    }
    /**
     * From now on a member's key is the one that is remembered for its device: a person has
     * compared this safety number. `false` if the member has, or has by now, another one.
     *
     * # Errors
     * The name does not parse.
     * @param {string} participant
     * @param {string} compared
     * @returns {boolean}
     */
    acceptKey(participant, compared) {
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = passStringToWasm0(compared, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_acceptKey(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] !== 0;
    }
    /**
     * Says which streams are ours: JSON, a list of `{ "number": …, "source": … }`, where `number`
     * is the one given to [`Core::protect`].
     *
     * # Errors
     * Not such a list.
     * @param {string} streams
     */
    announce(streams) {
        const ptr0 = passStringToWasm0(streams, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_announce(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * The keys of others that are remembered, as JSON, if there are others than when this was last
     * asked: to be stored.
     * @returns {string | undefined}
     */
    changedPins() {
        const ret = wasm.core_changedPins(this.__wbg_ptr);
        let v1;
        if (ret[0] !== 0) {
            v1 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * What to compare with another member to know each other's keys, or without one what all
     * compare in this epoch: JSON, `{ "digits": …, "qrText": …, "qrSvg": … }`. Nothing if either is
     * no member.
     *
     * # Errors
     * The name does not parse.
     * @param {string | null} [participant]
     * @returns {string | undefined}
     */
    code(participant) {
        var ptr0 = isLikeNone(participant) ? 0 : passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        var len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_code(this.__wbg_ptr, ptr0, len0);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        let v2;
        if (ret[0] !== 0) {
            v2 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v2;
    }
    /**
     * Compares such a code with the text of somebody else's: JSON,
     * `{ "outcome": …, "detail": … }`.
     *
     * # Errors
     * The name does not parse.
     * @param {string} text
     * @param {string | null} [participant]
     * @returns {string | undefined}
     */
    compareCode(text, participant) {
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(text, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = isLikeNone(participant) ? 0 : passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_compareCode(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        let v3;
        if (ret[0] !== 0) {
            v3 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v3;
    }
    /**
     * The connection to the service is up.
     * @param {number} now
     */
    connected(now) {
        wasm.core_connected(this.__wbg_ptr, now);
    }
    /**
     * The connection to the service is gone.
     */
    disconnected() {
        wasm.core_disconnected(this.__wbg_ptr);
    }
    /**
     * Does what is due.
     * @param {number} now
     */
    handleTimeout(now) {
        wasm.core_handleTimeout(this.__wbg_ptr, now);
    }
    /**
     * Enters a room.
     *
     * # Errors
     * The name does not parse, or a room was entered before.
     * @param {string} room
     * @param {string | null} [token]
     */
    join(room, token) {
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(room, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = isLikeNone(token) ? 0 : passStringToWasm0(token, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_join(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Leaves the room.
     *
     * # Errors
     * In no room.
     */
    leave() {
        const ret = wasm.core_leave(this.__wbg_ptr);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * A new signature key for `user@domain/device`, to be stored where nobody else can read it and
     * given to one core at a time. It is the one secret that passes this face.
     *
     * # Errors
     * The name does not parse, or the browser has no randomness.
     * @param {string} participant
     * @returns {Uint8Array}
     */
    static newIdentity(participant) {
        const ptr0 = passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_newIdentity(ptr0, len0);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v2;
    }
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
     * @param {string} participant
     * @param {Uint8Array | number[] | null | undefined} identity
     * @param {string | null | undefined} pins
     * @param {boolean} require_post_quantum
     * @param {string[]} issuers
     */
    constructor(participant, identity, pins, require_post_quantum, issuers) {
        const val5 = +require_post_quantum;
        let ptr0, len0, ptr1, len1, ptr2, len2, ptr3, len3;
        try {
            ptr0 = passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = isLikeNone(identity) ? 0 : passArray8ToWasm0(identity, wasm.__wbindgen_malloc);
            len1 = WASM_VECTOR_LEN;
            ptr2 = isLikeNone(pins) ? 0 : passStringToWasm0(pins, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len2 = WASM_VECTOR_LEN;
            ptr3 = passArrayJsValueToWasm0(issuers, wasm.__wbindgen_malloc);
            len3 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr3) { wasm.__externref_drop_slice(ptr3, len3); wasm.__wbindgen_free(ptr3, len3 * 4, 4); }
            if (ptr2) { wasm.__wbindgen_free(ptr2, len2 * 1, 1); }
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_new(ptr0, len0, ptr1, len1, ptr2, len2, val5, ptr3, len3);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        CoreFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Opens one frame. `ticket` names it should it have to wait.
     *
     * # Errors
     * A codec that no frame of this format can have.
     * @param {string} mime
     * @param {Uint8Array | number[]} frame
     * @param {number} ticket
     * @param {number} now
     * @returns {Opening}
     */
    open(mime, frame, ticket, now) {
        const val3 = +ticket;
        const val4 = +now;
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(mime, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = passArray8ToWasm0(frame, wasm.__wbindgen_malloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_open(this.__wbg_ptr, ptr0, len0, ptr1, len1, val3, val4);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return Opening.__wrap(ret[0]);
    }
    /**
     * The ticket of a frame that waited in vain.
     * @returns {number | undefined}
     */
    pollDropped() {
        const ret = wasm.core_pollDropped(this.__wbg_ptr);
        return ret === Number.MAX_SAFE_INTEGER ? undefined : ret;
    }
    /**
     * A frame that had waited and is open now.
     * @returns {Opening | undefined}
     */
    pollReleased() {
        const ret = wasm.core_pollReleased(this.__wbg_ptr);
        return ret === 0 ? undefined : Opening.__wrap(ret);
    }
    /**
     * When [`Core::handle_timeout`] wants to be called next, if ever.
     * @returns {number | undefined}
     */
    pollTimeout() {
        const ret = wasm.core_pollTimeout(this.__wbg_ptr);
        return ret[0] === 0 ? undefined : ret[1];
    }
    /**
     * The next thing to do or to tell, as JSON; see `worker/told.ts` for its shapes. Drain after
     * every call. Key updates are applied on the way.
     * @param {number} now
     * @returns {string | undefined}
     */
    poll(now) {
        const ret = wasm.core_poll(this.__wbg_ptr, now);
        let v1;
        if (ret[0] !== 0) {
            v1 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * Protects one encoded frame of a stream that we announced.
     *
     * # Errors
     * The frame must not be sent; the message says why.
     * @param {number} stream
     * @param {string} mime
     * @param {Uint8Array | number[]} frame
     * @param {number} now
     * @returns {Uint8Array}
     */
    protect(stream, mime, frame, now) {
        const val3 = +stream;
        const val4 = +now;
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(mime, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = passArray8ToWasm0(frame, wasm.__wbindgen_malloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.core_protect(this.__wbg_ptr, val3, ptr0, len0, ptr1, len1, val4);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v5 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v5;
    }
    /**
     * Asks the service to let a removed user come again.
     *
     * # Errors
     * The name does not parse, or in no room.
     * @param {string} participant
     */
    readmit(participant) {
        const ptr0 = passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_readmit(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Takes an envelope of the service.
     *
     * # Errors
     * It is none; nothing has changed.
     * @param {string} envelope
     * @param {number} now
     */
    receive(envelope, now) {
        const val2 = +now;
        const ptr0 = passStringToWasm0(envelope, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_receive(this.__wbg_ptr, ptr0, len0, val2);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Asks the service to remove a user, with all devices, and to keep it out.
     *
     * # Errors
     * The name does not parse, or in no room.
     * @param {string} participant
     */
    remove(participant) {
        const ptr0 = passStringToWasm0(participant, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_remove(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Locks or unlocks the room.
     *
     * # Errors
     * In no room, or our credential does not say that we may.
     * @param {boolean} locked
     * @param {number} now
     */
    setLocked(locked, now) {
        const ret = wasm.core_setLocked(this.__wbg_ptr, locked, now);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Replaces the room token. Call it before the old one is over: the next connection shows it,
     * and so does our leaf in the next group that we enter.
     *
     * # Errors
     * In no room.
     * @param {string | null} [token]
     */
    setToken(token) {
        var ptr0 = isLikeNone(token) ? 0 : passStringToWasm0(token, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        var len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_setToken(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Sends media signaling, as JSON, to the room's SFU.
     *
     * # Errors
     * No such signal, or in no room.
     * @param {string} signal
     */
    signal(signal) {
        const ptr0 = passStringToWasm0(signal, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.core_signal(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * What has been done so far, as JSON.
     * @returns {string}
     */
    stats() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.core_stats(this.__wbg_ptr);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
    /**
     * The thumbprint (RFC 7638) of such an identity's key, for whoever makes room tokens for it.
     *
     * # Errors
     * It is no identity.
     * @param {Uint8Array | number[]} identity
     * @returns {string}
     */
    static thumbprintOf(identity) {
        let deferred3_0;
        let deferred3_1;
        try {
            const ptr0 = passArray8ToWasm0(identity, wasm.__wbindgen_malloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.core_thumbprintOf(ptr0, len0);
            var ptr2 = ret[0];
            var len2 = ret[1];
            if (ret[3]) {
                ptr2 = 0; len2 = 0;
                throw takeFromExternrefTable0(ret[2]);
            }
            deferred3_0 = ptr2;
            deferred3_1 = len2;
            return getStringFromWasm0(ptr2, len2);
        } finally {
            wasm.__wbindgen_free(deferred3_0, deferred3_1, 1);
        }
    }
}
if (Symbol.dispose) Core.prototype[Symbol.dispose] = Core.prototype.free;

/**
 * What became of a received frame.
 * @enum {0 | 1 | 2 | 3}
 */
export const FrameFate = Object.freeze({
    /**
     * In plain.
     */
    Opened: 0, "0": "Opened",
    /**
     * It waits; its ticket comes back from `pollReleased` or `pollDropped`.
     */
    Held: 1, "1": "Held",
    /**
     * Nothing in it: drop it silently.
     */
    Probe: 2, "2": "Probe",
    /**
     * Drop it.
     */
    Refused: 3, "3": "Refused",
});

/**
 * A received frame, opened or not.
 */
export class Opening {
    static __wrap(ptr) {
        const obj = Object.create(Opening.prototype);
        obj.__wbg_ptr = ptr;
        OpeningFinalization.register(obj, obj.__wbg_ptr, obj);
        return obj;
    }
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        OpeningFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_opening_free(ptr, 0);
    }
    /**
     * The epoch of that key.
     * @returns {number}
     */
    get epoch() {
        const ret = wasm.opening_epoch(this.__wbg_ptr);
        return ret;
    }
    /**
     * What became of it.
     * @returns {FrameFate}
     */
    get fate() {
        const ret = wasm.opening_fate(this.__wbg_ptr);
        return ret;
    }
    /**
     * The leaf whose key opened it.
     * @returns {number}
     */
    get leaf() {
        const ret = wasm.opening_leaf(this.__wbg_ptr);
        return ret;
    }
    /**
     * Whose key opened it.
     * @returns {string | undefined}
     */
    get participant() {
        const ret = wasm.opening_participant(this.__wbg_ptr);
        let v1;
        if (ret[0] !== 0) {
            v1 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * Why it was refused.
     * @returns {string | undefined}
     */
    get reason() {
        const ret = wasm.opening_reason(this.__wbg_ptr);
        let v1;
        if (ret[0] !== 0) {
            v1 = getStringFromWasm0(ret[0], ret[1]);
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * The stream's number.
     * @returns {number}
     */
    get stream() {
        const ret = wasm.opening_stream(this.__wbg_ptr);
        return ret;
    }
    /**
     * The frame in plain, once: it is moved out.
     * @returns {Uint8Array | undefined}
     */
    take() {
        const ret = wasm.opening_take(this.__wbg_ptr);
        let v1;
        if (ret[0] !== 0) {
            v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * The ticket it was given.
     * @returns {number}
     */
    get ticket() {
        const ret = wasm.opening_ticket(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) Opening.prototype[Symbol.dispose] = Opening.prototype.free;

/**
 * A code of a vector's authenticator or keys, likewise without a group.
 */
export class VectorCode {
    static __wrap(ptr) {
        const obj = Object.create(VectorCode.prototype);
        obj.__wbg_ptr = ptr;
        VectorCodeFinalization.register(obj, obj.__wbg_ptr, obj);
        return obj;
    }
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        VectorCodeFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_vectorcode_free(ptr, 0);
    }
    /**
     * As [`Core::compare_code`](crate::Core::compare_code).
     * @param {string} text
     * @returns {string}
     */
    compare(text) {
        let deferred2_0;
        let deferred2_1;
        try {
            const ptr0 = passStringToWasm0(text, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.vectorcode_compare(this.__wbg_ptr, ptr0, len0);
            deferred2_0 = ret[0];
            deferred2_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred2_0, deferred2_1, 1);
        }
    }
    /**
     * The group code of an epoch authenticator.
     * @param {Uint8Array | number[]} epoch_authenticator
     * @returns {VectorCode}
     */
    static group(epoch_authenticator) {
        const ptr0 = passArray8ToWasm0(epoch_authenticator, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.vectorcode_group(ptr0, len0);
        return VectorCode.__wrap(ret);
    }
    /**
     * The safety number of two devices as the first shows it.
     *
     * # Errors
     * A name does not parse.
     * @param {string} own
     * @param {Uint8Array | number[]} own_key
     * @param {string} other
     * @param {Uint8Array | number[]} other_key
     * @returns {VectorCode}
     */
    static pair(own, own_key, other, other_key) {
        let ptr0, len0, ptr1, len1, ptr2, len2, ptr3, len3;
        try {
            ptr0 = passStringToWasm0(own, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = passArray8ToWasm0(own_key, wasm.__wbindgen_malloc);
            len1 = WASM_VECTOR_LEN;
            ptr2 = passStringToWasm0(other, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len2 = WASM_VECTOR_LEN;
            ptr3 = passArray8ToWasm0(other_key, wasm.__wbindgen_malloc);
            len3 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr3) { wasm.__wbindgen_free(ptr3, len3 * 1, 1); }
            if (ptr2) { wasm.__wbindgen_free(ptr2, len2 * 1, 1); }
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.vectorcode_pair(ptr0, len0, ptr1, len1, ptr2, len2, ptr3, len3);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return VectorCode.__wrap(ret[0]);
    }
    /**
     * As [`Core::code`](crate::Core::code).
     * @returns {string}
     */
    shown() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.vectorcode_shown(this.__wbg_ptr);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
}
if (Symbol.dispose) VectorCode.prototype[Symbol.dispose] = VectorCode.prototype.free;

/**
 * A sender with the base key of a vector instead of a group's. It has nothing to do with any
 * [`Core`](crate::Core): it shows that this build makes the same bytes as every other one.
 */
export class VectorSender {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        VectorSenderFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_vectorsender_free(ptr, 0);
    }
    /**
     * The sender at a leaf in an epoch; `suite` is the SFrame cipher suite's number.
     *
     * # Errors
     * An unknown suite, or a base key of another length than its.
     * @param {number} suite
     * @param {Uint8Array | number[]} base_key
     * @param {number} leaf
     * @param {number} epoch
     */
    constructor(suite, base_key, leaf, epoch) {
        const val2 = +suite;
        const val3 = +leaf;
        const val4 = +epoch;
        const ptr0 = passArray8ToWasm0(base_key, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.vectorsender_new(val2, ptr0, len0, val3, val4);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        VectorSenderFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Protects the next frame of a stream.
     *
     * # Errors
     * As [`Core::protect`](crate::Core::protect).
     * @param {number} stream
     * @param {string} mime
     * @param {Uint8Array | number[]} frame
     * @returns {Uint8Array}
     */
    protect(stream, mime, frame) {
        const val3 = +stream;
        let ptr0, len0, ptr1, len1;
        try {
            ptr0 = passStringToWasm0(mime, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            len0 = WASM_VECTOR_LEN;
            ptr1 = passArray8ToWasm0(frame, wasm.__wbindgen_malloc);
            len1 = WASM_VECTOR_LEN;
        } catch (e) {
            if (ptr1) { wasm.__wbindgen_free(ptr1, len1 * 1, 1); }
            if (ptr0) { wasm.__wbindgen_free(ptr0, len0 * 1, 1); }
            throw e;
        }
        const ret = wasm.vectorsender_protect(this.__wbg_ptr, val3, ptr0, len0, ptr1, len1);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v4 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v4;
    }
}
if (Symbol.dispose) VectorSender.prototype[Symbol.dispose] = VectorSender.prototype.free;

/**
 * Why frames of a media type such as `video/AV1` cannot be protected; nothing if they can.
 * @param {string} mime
 * @returns {string | undefined}
 */
export function codecProblem(mime) {
    const ptr0 = passStringToWasm0(mime, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.codecProblem(ptr0, len0);
    let v2;
    if (ret[0] !== 0) {
        v2 = getStringFromWasm0(ret[0], ret[1]);
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    }
    return v2;
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_Error_208446807d0d1e30: function(arg0, arg1) {
            const ret = Error(getStringFromWasm0(arg0, arg1));
            return ret;
        },
        __wbg___wbindgen_string_get_7ce8eee7fd327545: function(arg0, arg1) {
            const obj = arg1;
            const ret = typeof(obj) === 'string' ? obj : undefined;
            var ptr1 = isLikeNone(ret) ? 0 : passStringToWasm0(ret, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            var len1 = WASM_VECTOR_LEN;
            getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 1, len1, true);
            getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 0, ptr1, true);
        },
        __wbg___wbindgen_throw_4c88d8bf264fd984: function(arg0, arg1) {
            throw new Error(getStringFromWasm0(arg0, arg1));
        },
        __wbg_getRandomValues_8b6f1f663e6f188d: function() { return handleError(function (arg0, arg1) {
            globalThis.crypto.getRandomValues(getArrayU8FromWasm0(arg0, arg1));
        }, arguments); },
        __wbg_getTime_edc91481cbc4cd78: function(arg0) {
            const ret = arg0.getTime();
            return ret;
        },
        __wbg_new_0_36d738a0c8cfac43: function() {
            const ret = new Date();
            return ret;
        },
        __wbg_now_463ac581d2fc7ea3: function() {
            const ret = Date.now();
            return ret;
        },
        __wbindgen_init_externref_table: function() {
            const table = wasm.__wbindgen_externrefs;
            table.set(0, undefined);
            table.set(1024, undefined);
            table.set(1025, null);
            table.set(1026, true);
            table.set(1027, false);
        },
    };
    return {
        __proto__: null,
        "./mls_srtp_browser_bg.js": import0,
    };
}

const CoreFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_core_free(ptr, 1));
const OpeningFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_opening_free(ptr, 1));
const VectorCodeFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_vectorcode_free(ptr, 1));
const VectorSenderFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_vectorsender_free(ptr, 1));

function addToExternrefTable0(obj) {
    const idx = wasm.__externref_table_alloc();
    wasm.__wbindgen_externrefs.set(idx, obj);
    return idx;
}

function getArrayU8FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint8ArrayMemory0().subarray(ptr / 1, ptr / 1 + len);
}

let cachedDataViewMemory0 = null;
function getDataViewMemory0() {
    if (cachedDataViewMemory0 === null || cachedDataViewMemory0.buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && cachedDataViewMemory0.buffer !== wasm.memory.buffer)) {
        cachedDataViewMemory0 = new DataView(wasm.memory.buffer);
    }
    return cachedDataViewMemory0;
}

function getStringFromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return decodeText(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

function handleError(f, args) {
    try {
        return f.apply(this, args);
    } catch (e) {
        const idx = addToExternrefTable0(e);
        wasm.__wbindgen_exn_store(idx);
    }
}

function isLikeNone(x) {
    return x === undefined || x === null;
}

function passArray8ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 1, 1) >>> 0;
    getUint8ArrayMemory0().set(arg, ptr / 1);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function passArrayJsValueToWasm0(array, malloc) {
    const ptr = malloc(array.length * 4, 4) >>> 0;
    for (let i = 0; i < array.length; i++) {
        const add = addToExternrefTable0(array[i]);
        getDataViewMemory0().setUint32(ptr + 4 * i, add, true);
    }
    WASM_VECTOR_LEN = array.length;
    return ptr;
}

function passStringToWasm0(arg, malloc, realloc) {
    if (realloc === undefined) {
        const buf = cachedTextEncoder.encode(arg);
        const ptr = malloc(buf.length, 1) >>> 0;
        getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
        WASM_VECTOR_LEN = buf.length;
        return ptr;
    }

    let len = arg.length;
    let ptr = malloc(len, 1) >>> 0;

    const mem = getUint8ArrayMemory0();

    let offset = 0;

    for (; offset < len; offset++) {
        const code = arg.charCodeAt(offset);
        if (code > 0x7F) break;
        mem[ptr + offset] = code;
    }
    if (offset !== len) {
        if (offset !== 0) {
            arg = arg.slice(offset);
        }
        ptr = realloc(ptr, len, len = offset + arg.length * 3, 1) >>> 0;
        const view = getUint8ArrayMemory0().subarray(ptr + offset, ptr + len);
        const ret = cachedTextEncoder.encodeInto(arg, view);

        offset += ret.written;
        ptr = realloc(ptr, len, offset, 1) >>> 0;
    }

    WASM_VECTOR_LEN = offset;
    return ptr;
}

function takeFromExternrefTable0(idx) {
    const value = wasm.__wbindgen_externrefs.get(idx);
    wasm.__externref_table_dealloc(idx);
    return value;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(bytes) {
    numBytesDecoded += bytes.length;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
        cachedTextDecoder.decode();
        numBytesDecoded = bytes.length;
    }
    return cachedTextDecoder.decode(bytes);
}

const cachedTextEncoder = new TextEncoder();

if (!('encodeInto' in cachedTextEncoder)) {
    cachedTextEncoder.encodeInto = function (arg, view) {
        const buf = cachedTextEncoder.encode(arg);
        view.set(buf);
        return {
            read: arg.length,
            written: buf.length
        };
    };
}

let WASM_VECTOR_LEN = 0;

let wasmModule, wasmInstance, wasm;
function __wbg_finalize_init(instance, module) {
    wasmInstance = instance;
    wasm = instance.exports;
    wasmModule = module;
    cachedDataViewMemory0 = null;
    cachedUint8ArrayMemory0 = null;
    wasm.__wbindgen_start();
    return wasm;
}

async function __wbg_load(module, imports) {
    if (typeof Response === 'function' && module instanceof Response) {
        if (!module.ok) {
            throw new Error(`failed to fetch Wasm: ${module.status} ${module.statusText} fetching '${module.url}'`);
        }

        if (typeof WebAssembly.instantiateStreaming === 'function') {
            try {
                return await WebAssembly.instantiateStreaming(module, imports);
            } catch (e) {
                const validResponse = expectedResponseType(module.type);

                if (validResponse && module.headers.get('Content-Type') !== 'application/wasm') {
                    console.warn("`WebAssembly.instantiateStreaming` failed because your server does not serve Wasm with `application/wasm` MIME type. Falling back to `WebAssembly.instantiate` which is slower. Original error:\n", e);

                } else { throw e; }
            }
        }

        const bytes = await module.arrayBuffer();
        return await WebAssembly.instantiate(bytes, imports);
    } else {
        const instance = await WebAssembly.instantiate(module, imports);

        if (instance instanceof WebAssembly.Instance) {
            return { instance, module };
        } else {
            return instance;
        }
    }

    function expectedResponseType(type) {
        switch (type) {
            case 'basic': case 'cors': case 'default': return true;
        }
        return false;
    }
}

function initSync(module) {
    if (wasm !== undefined) return wasm;


    if (module !== undefined) {
        if (Object.getPrototypeOf(module) === Object.prototype) {
            ({module} = module)
        } else {
            console.warn('using deprecated parameters for `initSync()`; pass a single object instead')
        }
    }

    const imports = __wbg_get_imports();
    if (!(module instanceof WebAssembly.Module)) {
        module = new WebAssembly.Module(module);
    }
    const instance = new WebAssembly.Instance(module, imports);
    return __wbg_finalize_init(instance, module);
}

let __wbg_init_promise;
async function __wbg_init(module_or_path) {
    if (wasm !== undefined) return wasm;
    if (__wbg_init_promise === undefined) {
        __wbg_init_promise = __wbg_init_once(module_or_path);
        __wbg_init_promise.catch(() => { __wbg_init_promise = undefined; });
    }
    return __wbg_init_promise;
}

async function __wbg_init_once(module_or_path) {

    if (module_or_path !== undefined) {
        if (Object.getPrototypeOf(module_or_path) === Object.prototype) {
            ({module_or_path} = module_or_path)
        } else {
            console.warn('using deprecated parameters for the initialization function; pass a single object instead')
        }
    }


    const imports = __wbg_get_imports();

    if (typeof module_or_path === 'string' || (typeof Request === 'function' && module_or_path instanceof Request) || (typeof URL === 'function' && module_or_path instanceof URL)) {
        module_or_path = fetch(module_or_path);
    }

    const { instance, module } = await __wbg_load(await module_or_path, imports);

    return __wbg_finalize_init(instance, module);
}

export { initSync, __wbg_init as default };
