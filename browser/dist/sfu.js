/**
 * Media through the room's own SFU, whose signaling travels with the delivery service. Calls that
 * bring another SFU do not need this module.
 */
import { Emitter } from "./emitter.js";
import { connectionConfig } from "./support.js";
/** How long a connection may take from its offer until media flows, in milliseconds. */
const CONNECT_WITHIN = 10_000;
/** How long a connection on which nothing comes back may take to recover by itself. */
const RECOVER_WITHIN = 2_000;
/** What was sent before a source fell silent is still on its way; only then is it taken back. */
const QUIET_AFTER = 1_000;
const FIRST_DELAY = 500;
const LAST_DELAY = 10_000;
/** Sections of our offer, in this order; a source without a track sends nothing. */
const SECTIONS = ["microphone", "camera", "screen"];
/**
 * A peer connection to the room's SFU that is made again whenever it is lost.
 *
 * It offers once, with a section for each source, so that a camera or screen that is switched on
 * later needs no negotiation; from then on only the SFU offers.
 */
export class SfuConnection extends Emitter {
    #call;
    #tracks = new Map();
    #leg;
    #delay = FIRST_DELAY;
    #timer;
    #stops;
    #quiet;
    #closed = false;
    /** Connects as soon as the group is ready for media. */
    constructor(call, tracks = {}) {
        super();
        this.#call = call;
        for (const source of SECTIONS) {
            const track = tracks[source];
            if (track)
                this.#tracks.set(source, track);
        }
        this.#announce();
        this.#stops = [
            call.on("media", () => this.#connect()),
            call.on("signal", (signal) => this.#leg?.hear(signal)),
            call.on("state", ({ state }) => {
                if (state === "left" || state === "removed" || state === "failed")
                    this.close();
            }),
        ];
        if (call.mediaReady)
            this.#connect();
    }
    /** The peer connection of the moment, for statistics. */
    get connection() {
        return this.#leg?.connection;
    }
    /** Whether media flows. */
    get connected() {
        return this.#leg?.connection.connectionState === "connected";
    }
    /**
     * Sends a track, or nothing, as a source, and announces what is sent. The stream goes on, and
     * nothing is negotiated.
     */
    async setTrack(source, track) {
        if (track)
            this.#tracks.set(source, track);
        else
            this.#tracks.delete(source);
        if (track)
            this.#announce();
        await this.#leg?.senders.get(source)?.replaceTrack(track ?? null);
        clearTimeout(this.#quiet);
        this.#quiet = setTimeout(() => this.#announce(), QUIET_AFTER);
    }
    /** Ends the connection. */
    close() {
        this.#closed = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#quiet);
        for (const stop of this.#stops)
            stop();
        this.#letGo();
    }
    #announce() {
        this.#call.announce(SECTIONS.filter((source) => this.#tracks.has(source)));
    }
    #connect() {
        clearTimeout(this.#timer);
        this.#letGo();
        if (this.#closed)
            return;
        const leg = new Leg(this.#call, this.#tracks, {
            receiver: (receiver) => this.emit("receiver", receiver),
            ended: (receiver) => this.emit("ended", receiver),
            connected: () => {
                this.#delay = FIRST_DELAY;
                this.emit("state", { connected: true, reason: "" });
            },
            lost: (reason) => this.#lose(reason),
        });
        this.#leg = leg;
        leg.offer();
    }
    #lose(reason) {
        if (this.#closed)
            return;
        this.#letGo();
        this.emit("state", { connected: false, reason });
        const delay = this.#delay * (0.5 + Math.random() / 2);
        this.#delay = Math.min(this.#delay * 2, LAST_DELAY);
        this.#timer = setTimeout(() => this.#connect(), delay);
    }
    #letGo() {
        this.#leg?.close();
        this.#leg = undefined;
    }
}
/** One peer connection, from its offer to its end. */
class Leg {
    connection;
    senders = new Map();
    #call;
    #listener;
    #receivers = new Set();
    /** Descriptions are handled one by one. */
    #queue = Promise.resolve();
    /** What the SFU says before our offer is out is about a connection before this one. */
    #offered = false;
    /** So is the end of a connection before this one was answered. */
    #answered = false;
    #deadline;
    #over = false;
    constructor(call, tracks, listener) {
        this.#call = call;
        this.#listener = listener;
        this.connection = new RTCPeerConnection(connectionConfig({ bundlePolicy: "max-bundle" }));
        this.connection.ontrack = ({ receiver, track }) => {
            if (this.#receivers.has(receiver))
                return;
            this.#receivers.add(receiver);
            call.open(receiver);
            listener.receiver(receiver);
            track.addEventListener("mute", () => this.#forgetStopped());
        };
        this.connection.onconnectionstatechange = () => this.#heed();
        for (const source of SECTIONS)
            this.#add(source, tracks.get(source));
    }
    /** Offers what we send. */
    offer() {
        this.#expect(CONNECT_WITHIN, "the SFU did not connect in time");
        this.#enqueue(async () => {
            await this.connection.setLocalDescription(await this.connection.createOffer());
            this.#offered = true;
            this.#send("offer");
        });
    }
    /** Takes a signal of the SFU. */
    hear(signal) {
        if (this.#over || !this.#offered)
            return;
        if (signal.signal === "failed") {
            if (signal.code === "disconnected" && !this.#answered)
                return;
            return this.#lose(`${signal.code}: ${signal.detail}`);
        }
        if (signal.signal === "answer") {
            if (this.#answered)
                return this.#lose("the SFU's first answer was to an offer before ours");
            this.#answered = true;
        }
        else if (!this.#answered)
            return;
        const { signal: type, sdp } = signal;
        this.#enqueue(async () => {
            await this.connection.setRemoteDescription({ type, sdp });
            if (type === "answer")
                return;
            await this.connection.setLocalDescription(await this.connection.createAnswer());
            this.#send("answer");
            this.#forgetStopped();
        });
    }
    close() {
        this.#over = true;
        clearTimeout(this.#deadline);
        this.connection.onconnectionstatechange = null;
        this.connection.ontrack = null;
        for (const sender of this.senders.values())
            this.#call.forget(sender);
        for (const receiver of this.#receivers)
            this.#end(receiver);
        this.connection.close();
    }
    #add(source, track) {
        const kind = source === "microphone" ? "audio" : "video";
        const transceiver = this.connection.addTransceiver(track ?? kind, { direction: "sendonly" });
        this.senders.set(source, transceiver.sender);
        this.#call.protect(transceiver.sender, source);
        if (kind === "video")
            preferVp8(transceiver);
    }
    #send(signal) {
        const sdp = this.connection.localDescription?.sdp;
        if (sdp && !this.#over)
            this.#call.signal({ signal, sdp });
    }
    #enqueue(step) {
        this.#queue = this.#queue.then(async () => {
            if (this.#over)
                return;
            try {
                await step();
            }
            catch (error) {
                this.#lose(error instanceof Error ? error.message : String(error));
            }
        });
    }
    #heed() {
        switch (this.connection.connectionState) {
            case "connected":
                clearTimeout(this.#deadline);
                return this.#listener.connected();
            case "disconnected":
                return this.#expect(RECOVER_WITHIN, "nothing comes back from the SFU");
            case "failed":
                return this.#lose("the connection to the SFU failed");
            default:
                return;
        }
    }
    #expect(within, otherwise) {
        clearTimeout(this.#deadline);
        this.#deadline = setTimeout(() => this.#lose(otherwise), within);
    }
    #lose(reason) {
        if (this.#over)
            return;
        this.#over = true;
        this.#listener.lost(reason);
    }
    /** Receivers whose section the SFU has stopped. */
    #forgetStopped() {
        for (const { receiver, currentDirection } of this.connection.getTransceivers()) {
            const stopped = currentDirection === "inactive" || currentDirection === "stopped";
            if (stopped && this.#receivers.has(receiver))
                this.#end(receiver);
        }
    }
    #end(receiver) {
        this.#receivers.delete(receiver);
        this.#call.forget(receiver);
        this.#listener.ended(receiver);
    }
}
/** Native participants of this project decode VP8 and nothing else. */
function preferVp8(transceiver) {
    const all = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const wanted = all.filter(({ mimeType }) => /^video\/(vp8|rtx)$/i.test(mimeType));
    if (wanted.length > 0)
        transceiver.setCodecPreferences(wanted);
}
