/** Encoded frames on their way: everything that leaves is protected, everything that comes in is
 * opened, and what is neither goes nowhere. */
import { FrameFate, codecProblem } from "../wasm/mls_srtp_browser.js";
/** Shortest time between two keyframe requests of one receiver, in milliseconds. */
const REQUEST_INTERVAL = 500;
/** What a browser sends that does not say which codec a frame has. */
const FALLBACK = { audio: "audio/opus", video: "video/VP8" };
/** One sender or receiver. */
class Transform {
    options;
    keyframes;
    passed = 0;
    dropped = {};
    owner;
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
    #troubled = () => { };
    #all = new Map();
    /** Frames that wait for their keys or their sender's announcement, by ticket. */
    #held = new Map();
    #nextTicket = 0;
    #sources = new Map();
    /** The epoch of the newest frame of each participant. */
    #heardIn = new Map();
    constructor(post) {
        this.#post = post;
    }
    /** Frames go through this core from now on; `troubled` is called when it has facts to tell. */
    attach(core, troubled) {
        this.#core = core;
        this.#troubled = troubled;
    }
    /** Connects both ends of a sender or receiver. */
    pipe(options, readable, writable, keyframes) {
        const transform = new Transform(options, keyframes);
        this.#all.set(options.id, transform);
        const through = new TransformStream({
            transform: (frame, controller) => {
                if (options.side === "send")
                    this.#send(transform, options.stream, frame, controller);
                else
                    this.#receive(transform, frame, controller);
            },
        });
        readable
            .pipeThrough(through)
            .pipeTo(writable)
            // The sender or receiver is gone.
            .catch(() => this.forget(options.id));
    }
    forget(id) {
        this.#all.delete(id);
        for (const [ticket, { transform }] of this.#held) {
            if (transform.options.id === id)
                this.#held.delete(ticket);
        }
    }
    announced(participant, streams) {
        this.#sources.set(participant, streams);
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
        const codec = this.#codec(transform, frame);
        if (!this.#core)
            return transform.drop("no_session");
        if (!codec)
            return transform.drop("unsupported_codec");
        let sealed;
        try {
            sealed = this.#core.protect(stream, codec, new Uint8Array(frame.data), performance.now());
        }
        catch (error) {
            return transform.drop(error instanceof Error ? error.message : String(error));
        }
        frame.data = sealed.buffer;
        transform.passed += 1;
        controller.enqueue(frame);
    }
    #receive(transform, frame, controller) {
        const codec = this.#codec(transform, frame);
        if (!this.#core)
            return transform.drop("no_session");
        if (!codec)
            return transform.drop("unsupported_codec");
        const ticket = this.#nextTicket;
        this.#nextTicket = (this.#nextTicket + 1) >>> 0;
        const opening = this.#core.open(codec, new Uint8Array(frame.data), ticket, performance.now());
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
                this.#troubled();
                break;
        }
        opening.free();
    }
    #deliver(transform, frame, controller, opening) {
        const plain = opening.take();
        if (!plain)
            return;
        if (opening.participant)
            this.#heardIn.set(opening.participant, opening.epoch);
        this.#attribute(transform, opening);
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
    /** Tells whose key opened the frames of a receiver, whenever that changes. */
    #attribute(transform, opening) {
        const { owner } = transform;
        const { leaf, stream } = opening;
        if (owner?.leaf === leaf && owner.stream === stream && owner.source !== undefined) {
            return;
        }
        const participant = opening.participant ?? "";
        const announced = this.#sources.get(participant)?.find(({ number }) => number === stream);
        const now = { participant, leaf, stream, source: announced?.source };
        if (owner?.participant === participant && owner.leaf === leaf && owner.source === now.source) {
            return;
        }
        transform.owner = now;
        this.#post({ kind: "owner", transform: transform.options.id, owner: now });
    }
    /** A frame's media type, if frames of its codec can be protected. If not, it is told once. */
    #codec(transform, frame) {
        const { mimeType } = frame.getMetadata();
        const codec = mimeType ?? FALLBACK[transform.options.media];
        if (codec === transform.codec)
            return codec;
        if (!this.#core)
            return undefined;
        const reason = codecProblem(codec);
        if (reason === undefined) {
            transform.codec = codec;
            return codec;
        }
        if (!transform.unsupportedTold) {
            transform.unsupportedTold = true;
            const { id } = transform.options;
            this.#post({ kind: "unsupported_codec", transform: id, codec, reason });
        }
        return undefined;
    }
}
