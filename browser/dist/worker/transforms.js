/** Encoded frames on their way: everything that leaves is protected, everything that comes in is
 * opened, and what is neither goes nowhere. */
import { FrameFate, codecProblem } from "../wasm/mls_srtp_browser.js";
import { isTrap } from "./trap.js";
/** Shortest time between two keyframe requests of one receiver, in milliseconds. */
const REQUEST_INTERVAL = 500;
/** What a browser sends that does not say which codec sound has: there is no other. */
const SOUND = "audio/opus";
/** Pictures have several codecs, and what stays in plain of a frame depends on which it is. */
const UNTOLD = "this browser does not say which codec a frame has";
/** One sender or receiver. */
class Transform {
    options;
    keyframes;
    passed = 0;
    dropped = {};
    owner;
    /** The epoch in which the owner was found: a leaf can be somebody else's in another. */
    ownedIn;
    /** The page closed its connection; frames may still come. */
    forgotten = false;
    askedAt = -REQUEST_INTERVAL;
    /** The media type that was last found to be protectable. */
    codec;
    unsupportedTold = false;
    constructor(options, keyframes) {
        this.options = options;
        this.keyframes = keyframes;
    }
    drop(reason) {
        this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
    }
    /** Asks the sender for a picture that can be decoded by itself, not too often. */
    requestKeyframe() {
        const now = performance.now();
        if (this.options.media !== "video" || now - this.askedAt < REQUEST_INTERVAL)
            return;
        this.askedAt = now;
        // The connection may be closing; the decoder asks by itself as well, only later.
        this.keyframes.sendKeyFrameRequest?.().catch(() => { });
    }
}
export class Transforms {
    #post;
    #core;
    #listener;
    #all = new Map();
    /** What was forgotten and is wanted again, until a frame comes through it. */
    #wanted = new Set();
    /** Frames that wait for their keys or their sender's announcement, by ticket. */
    #held = new Map();
    #nextTicket = 0;
    #sources = new Map();
    /** The epoch of the newest frame of each participant. */
    #heardIn = new Map();
    constructor(post) {
        this.#post = post;
    }
    /** Frames go through this core from now on. */
    attach(core, listener) {
        this.#core = core;
        this.#listener = listener;
    }
    /** No frame goes anywhere from now on. */
    detach() {
        this.#core = undefined;
        this.#held.clear();
    }
    /** Connects both ends of a sender or receiver. */
    pipe(options, readable, writable, keyframes) {
        const transform = new Transform(options, keyframes);
        this.#all.set(options.id, transform);
        const through = new TransformStream({
            transform: (frame, controller) => {
                if (transform.forgotten)
                    this.#recall(transform);
                if (options.side === "send")
                    this.#send(transform, options.stream, frame, controller);
                else
                    this.#receive(transform, frame, controller);
            },
        });
        readable
            .pipeThrough(through)
            .pipeTo(writable)
            .then(() => this.#ended(options.id, undefined), (error) => this.#ended(options.id, String(error)));
    }
    /** The page has no use for it any more. What still comes through it is treated as before. */
    forget(id) {
        const transform = this.#all.get(id);
        if (transform)
            transform.forgotten = true;
        this.#wanted.delete(id);
        this.#drop(id);
    }
    /** Takes a forgotten transform back, and tells its owner anew, once a frame comes through it. */
    remember(id) {
        this.#wanted.add(id);
    }
    #recall(transform) {
        const { id } = transform.options;
        if (!this.#wanted.delete(id))
            return;
        transform.forgotten = false;
        transform.owner = undefined;
        this.#all.set(id, transform);
    }
    /** The sender or receiver is gone. */
    #ended(id, reason) {
        if (reason !== undefined)
            console.debug("mls-srtp: the frames' way broke:", reason);
        this.#wanted.delete(id);
        this.#drop(id);
        this.#post({ kind: "ended", transform: id, reason });
    }
    #drop(id) {
        this.#all.delete(id);
        for (const [ticket, { transform }] of this.#held) {
            if (transform.options.id === id)
                this.#held.delete(ticket);
        }
    }
    announced(participant, streams) {
        this.#sources.set(participant, streams);
        this.doubtOwners();
    }
    /** Looks with the next frame of each receiver whose it is, though nothing of its key changed. */
    doubtOwners() {
        for (const transform of this.#all.values())
            transform.ownedIn = undefined;
    }
    /** Somebody new can see us. */
    giveKeyframes() {
        for (const { options, keyframes } of this.#all.values()) {
            if (options.side !== "send" || options.media !== "video")
                continue;
            // Not every browser can; the receiver's own request comes a moment later.
            keyframes.generateKeyFrame?.().catch(() => { });
        }
    }
    /** Passes on what has waited and drops what has waited in vain. */
    release() {
        const core = this.#core;
        if (!core)
            return;
        for (let opening = core.pollReleased(); opening; opening = core.pollReleased()) {
            const held = this.#held.get(opening.ticket);
            this.#held.delete(opening.ticket);
            if (held)
                this.#deliver(held.transform, held.frame, held.controller, opening);
            opening.free();
        }
        for (let ticket = core.pollDropped(); ticket !== undefined; ticket = core.pollDropped()) {
            const held = this.#held.get(ticket);
            this.#held.delete(ticket);
            held?.transform.drop("waited_in_vain");
            held?.transform.requestKeyframe();
        }
    }
    counters() {
        return [...this.#all.values()].map(({ options, passed, dropped, owner }) => ({
            id: options.id,
            side: options.side,
            media: options.media,
            passed,
            dropped: { ...dropped },
            owner,
        }));
    }
    heardIn() {
        return Object.fromEntries(this.#heardIn);
    }
    #send(transform, stream, frame, controller) {
        const core = this.#core;
        if (!core)
            return transform.drop("no_session");
        const codec = this.#codec(transform, frame);
        if (!codec)
            return;
        let sealed;
        try {
            sealed = core.protect(stream, codec, new Uint8Array(frame.data), performance.now());
        }
        catch (error) {
            if (isTrap(error))
                this.#listener?.broken(error);
            return transform.drop(error instanceof Error ? error.message : String(error));
        }
        frame.data = sealed.buffer;
        transform.passed += 1;
        controller.enqueue(frame);
    }
    #receive(transform, frame, controller) {
        const core = this.#core;
        if (!core)
            return transform.drop("no_session");
        const codec = this.#codec(transform, frame);
        if (!codec)
            return;
        const ticket = this.#nextTicket;
        this.#nextTicket = (this.#nextTicket + 1) >>> 0;
        let opening;
        try {
            opening = core.open(codec, new Uint8Array(frame.data), ticket, performance.now());
        }
        catch (error) {
            if (isTrap(error))
                this.#listener?.broken(error);
            return transform.drop(error instanceof Error ? error.message : String(error));
        }
        switch (opening.fate) {
            case FrameFate.Opened:
                this.#deliver(transform, frame, controller, opening);
                break;
            case FrameFate.Held:
                this.#held.set(ticket, { frame, controller, transform });
                break;
            case FrameFate.Refused:
                transform.drop(opening.reason ?? "refused");
                transform.requestKeyframe();
                this.#listener?.troubled();
                break;
        }
        opening.free();
    }
    #deliver(transform, frame, controller, opening) {
        const plain = opening.take();
        if (!plain)
            return;
        const { epoch } = opening;
        this.#attribute(transform, opening, epoch);
        if (transform.owner)
            this.#heardIn.set(transform.owner.participant, epoch);
        frame.data = plain.buffer;
        transform.passed += 1;
        try {
            controller.enqueue(frame);
        }
        catch {
            // The receiver ended while the frame waited.
            transform.drop("ended");
        }
    }
    /**
     * Tells whose key opened the frames of a receiver, whenever that changes. The name is a text to
     * be copied out of the core, so it is not asked for with every frame: within an epoch, a leaf is
     * one participant's.
     */
    #attribute(transform, opening, epoch) {
        const { owner, ownedIn } = transform;
        const { leaf, stream } = opening;
        if (owner?.leaf === leaf && owner.stream === stream && ownedIn === epoch)
            return;
        transform.ownedIn = epoch;
        const participant = opening.participant ?? "";
        const announced = this.#sources.get(participant)?.find(({ number }) => number === stream);
        const now = { participant, leaf, stream, source: announced?.source };
        if (owner && sameOwner(owner, now))
            return;
        transform.owner = now;
        this.#post({ kind: "owner", transform: transform.options.id, owner: now });
    }
    /** A frame's media type, if frames of its codec can be protected; otherwise it is dropped. */
    #codec(transform, frame) {
        const { mimeType } = frame.getMetadata();
        const codec = mimeType || (transform.options.media === "audio" ? SOUND : undefined);
        if (codec === undefined) {
            transform.drop("unknown_codec");
            this.#tellCodec(transform, "", UNTOLD);
            return undefined;
        }
        if (codec === transform.codec)
            return codec;
        const reason = codecProblem(codec);
        if (reason !== undefined) {
            transform.drop("unsupported_codec");
            this.#tellCodec(transform, codec, reason);
            return undefined;
        }
        transform.codec = codec;
        return codec;
    }
    /** Says once why nothing passes. */
    #tellCodec(transform, codec, reason) {
        if (transform.unsupportedTold)
            return;
        transform.unsupportedTold = true;
        this.#post({ kind: "unsupported_codec", transform: transform.options.id, codec, reason });
    }
}
function sameOwner(one, other) {
    return (one.participant === other.participant &&
        one.leaf === other.leaf &&
        one.stream === other.stream &&
        one.source === other.source);
}
