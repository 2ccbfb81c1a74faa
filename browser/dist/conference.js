import { Code } from "./code.js";
import { Emitter } from "./emitter.js";
import { STREAM_NUMBER, } from "./facts.js";
import { hasScriptTransform, LACK_IN_WORDS, lacks } from "./support.js";
import { claimsOf } from "./token.js";
/**
 * A stay in a room whose members encrypt media for each other.
 *
 * Keys, the MLS group and the connection to the delivery service live in a dedicated worker, and
 * no key ever leaves it. Every sender given to {@link protect} sends nothing but ciphertext, and
 * every receiver given to {@link open} yields nothing but what a member's key opened; both fail
 * closed. Any `RTCPeerConnection` and any SFU will do, as long as encoded frames arrive whole.
 *
 * ```ts
 * const call = await Conference.join({ url, room: "standup", name: "ada", device: await tabDevice() });
 * call.on("owner", ({ receiver, participant }) => show(receiver.track, participant));
 * const connection = new RTCPeerConnection(connectionConfig());
 * call.protect(connection.addTransceiver(track).sender, "camera");
 * connection.ontrack = ({ receiver }) => call.open(receiver);
 * ```
 */
export class Conference extends Emitter {
    /** Who we are. */
    participant;
    #worker;
    /** Whoever waits in {@link join}. */
    #ends;
    #change = { state: "connecting", reason: "", detail: "" };
    /** The service was reached once: what is lost from now on comes back by itself. */
    #linked = false;
    /** The service is silent. */
    #silent = false;
    /** Who keeps us from sending, and why. */
    #untrusted = new Map();
    /** Whom people should look at, until they have. */
    #notices = new Map();
    #roster = [];
    #code = "";
    #epoch;
    #strongerSuite;
    #sources;
    #announced = new Map();
    #mediaReady = false;
    #locked = false;
    #moderates;
    #latecomers = new Set();
    #attached = new Map();
    /** Kept when an end is forgotten: its frames still go through its transform. */
    #transforms = new WeakMap();
    #nextTransform = 1;
    #snapshots = new Map();
    #codes = new Map();
    #comparisons = new Map();
    #acceptances = new Map();
    #nextQuestion = 1;
    /** The worker has ended, and nothing is answered any more. */
    #ended = false;
    /**
     * Enters a room. Resolves when we are a member.
     *
     * @throws when the browser lacks something, the service cannot be reached, or it does not let us
     * in. Losing the service later is mended by itself.
     */
    static join(options) {
        const [lack] = lacks();
        if (lack)
            return Promise.reject(new Error(LACK_IN_WORDS[lack]));
        return new Promise((resolve, reject) => new Conference(options, { resolve, reject }));
    }
    constructor(options, ends) {
        super();
        const address = options.name.includes("@") ? options.name : `${options.name}@localhost`;
        this.participant = `${address}/${options.device}`;
        this.#ends = ends;
        this.#moderates = moderates(options.token);
        this.#sources = options.sources ?? ["microphone", "camera"];
        this.#worker = new Worker(new URL("./worker/main.js", import.meta.url), {
            type: "module",
            name: "mls-srtp",
        });
        this.#worker.onmessage = ({ data }) => this.#hear(data);
        this.#worker.onerror = (event) => {
            this.#endWorker();
            this.#over("failed", "worker", event.message || "the worker could not be started");
        };
        const { url, room, token, requirePostQuantum = false, issuers = [] } = options;
        const { participant } = this;
        this.#tell({ kind: "join", url, room, token, requirePostQuantum, issuers, participant });
        this.#announce();
    }
    /** Where the stay stands. */
    get state() {
        return this.#change.state;
    }
    /** The members of the current epoch. */
    get roster() {
        return this.#roster;
    }
    /** Thirty digits in six groups, equal for all who are in this epoch. */
    get code() {
        return this.#code;
    }
    /** The current epoch. */
    get epoch() {
        return this.#epoch;
    }
    /** The MLS cipher suite that all members could have, if the service gives the room a weaker one. */
    get strongerSuite() {
        return this.#strongerSuite;
    }
    /** Whether the room is locked: nobody new comes in. */
    get locked() {
        return this.#locked;
    }
    /** Whether our token says that we may remove others, and lock the room. */
    get moderates() {
        return this.#moderates;
    }
    /**
     * Replaces the room token. Call it before the old one is over: the next connection shows it, and
     * so does our credential in the next group that we enter.
     */
    setToken(token) {
        this.#moderates = moderates(token);
        this.#tell({ kind: "token", token });
    }
    /** Removes a user, with all devices, and keeps it out until {@link readmit}. For moderators. */
    remove(participant) {
        this.#tell({ kind: "moderate", what: { act: "remove", participant } });
    }
    /** Lets a removed user come again. For moderators. */
    readmit(participant) {
        this.#tell({ kind: "moderate", what: { act: "readmit", participant } });
    }
    /**
     * Locks the room, or unlocks it. For moderators whose token stands in their credential, where
     * every member checks it. The event `lock` follows, or `refused`.
     */
    setLocked(locked) {
        this.#tell({ kind: "moderate", what: { act: "lock", locked } });
    }
    /** What we announced that we send. */
    get sources() {
        return this.#sources;
    }
    /** What a participant says that it sends; nothing if it said nothing. */
    announced(participant) {
        if (participant === this.participant)
            return this.#sources;
        return this.#announced.get(participant) ?? [];
    }
    /** Whether media that is connected now loses nothing. */
    get mediaReady() {
        return this.#mediaReady;
    }
    /**
     * Listens; returns how to stop. For `state`, `roster`, `code`, `sources`, `owner` and `trust`, the
     * listener is soon called with where things stand, so that nothing is missed between {@link join}
     * and here: once in a microtask, or for `sources` and `trust` once for each participant, and for
     * `owner` once for each receiver that has one. What it is told meanwhile is not repeated.
     */
    on(name, listener) {
        const stop = super.on(name, listener);
        if (!isStanding(name))
            return stop;
        const latecomer = { name, told: new Set() };
        this.#latecomers.add(latecomer);
        queueMicrotask(() => this.#catchUp(latecomer, name, listener));
        return () => {
            this.#latecomers.delete(latecomer);
            stop();
        };
    }
    emit(name, detail) {
        super.emit(name, detail);
        // Only now: a listener that a listener adds is called as well.
        for (const latecomer of this.#latecomers) {
            if (latecomer.name === name)
                latecomer.told.add(subject(detail));
        }
    }
    /** Announces what we send. Frames of anything else are refused by all receivers. */
    announce(sources) {
        this.#sources = [...new Set(sources)];
        this.#announce();
    }
    /**
     * Protects every frame of a sender. Call it before the sender sends, and once; the source may
     * be announced later. Its connection must have been made with {@link connectionConfig}, which
     * some browsers need.
     *
     * @throws when the sender has been given here before, or the browser does not let its frames be
     * protected; then it must not be given a track.
     */
    protect(sender, source) {
        if (this.#transforms.has(sender))
            throw new Error("this sender is protected already");
        const media = source === "microphone" ? "audio" : "video";
        const id = this.#attach(sender, { end: { sender }, owner: undefined });
        this.#install(sender, { id, side: "send", media, stream: STREAM_NUMBER[source] });
    }
    /**
     * Opens every frame of a receiver. Call it in `ontrack`, as often as that comes: a receiver that
     * is open stays as it is, and one that was forgotten is opened again. Whose frames they are is
     * told by the event `owner`. The connection must have been made with {@link connectionConfig},
     * which some browsers need.
     *
     * @throws when the browser does not let its frames be opened.
     */
    open(receiver) {
        const known = this.#transforms.get(receiver);
        if (known !== undefined)
            return this.#reopen(receiver, known);
        const media = receiver.track.kind === "audio" ? "audio" : "video";
        const id = this.#attach(receiver, { end: { receiver }, owner: undefined });
        this.#install(receiver, { id, side: "receive", media });
    }
    /**
     * Forgets a sender or receiver whose connection is closed, or that is stopped. Should frames still
     * come, they are protected or opened as before, but nothing is told of them.
     */
    forget(end) {
        const id = this.#transforms.get(end);
        if (id === undefined || !this.#attached.delete(id))
            return;
        this.#tell({ kind: "forget", transform: id });
    }
    /** Whose key opened a receiver's frames, if any were opened. */
    owner(receiver) {
        const id = this.#transforms.get(receiver);
        return id === undefined ? undefined : this.#attached.get(id)?.owner;
    }
    /** Sends media signaling to the room's SFU. */
    signal(signal) {
        this.#tell({ kind: "signal", signal });
    }
    /** Drops the connection to the delivery service and connects again: when the network changed. */
    reconnect() {
        this.#tell({ kind: "reconnect" });
    }
    /**
     * Leaves. The state becomes `left` once the group has gone on without us, and the worker ends when
     * it has erased its last key.
     */
    leave() {
        this.#tell({ kind: "leave" });
    }
    /** Ends the worker at once, and with it every key. Frames do not pass any more. */
    close() {
        this.#endWorker();
        this.#over("left", "", "");
    }
    /**
     * What all members compare: the digits of {@link code}, and a QR code of them. It shows that all
     * are in one group, and changes with every epoch. Nothing if we are no member.
     *
     * @throws when the call is over.
     */
    groupCode() {
        return this.#codeWith(undefined);
    }
    /**
     * What to compare with another member: sixty digits in twelve groups, equal for both for as long
     * as both devices keep their keys. They show that somebody is who they were the last time.
     * Nothing if they are no member.
     *
     * @throws when the call is over.
     */
    safetyNumber(participant) {
        return this.#codeWith(participant);
    }
    /**
     * Compares the text of a QR code that somebody else is shown: with the safety number that we have
     * with `participant`, or without one with the group code. Nothing if they, or we, are no member.
     *
     * @throws when the call is over.
     */
    compareCode(text, participant) {
        return this.#ask(this.#comparisons, (id) => ({ kind: "compare_code", id, text, participant }));
    }
    /**
     * From now on a member's key is the one that this browser remembers for its device: a person has
     * compared this safety number. `false` if the member has, or has by now, another one.
     *
     * @throws when the call is over.
     */
    async acceptKey(participant, compared) {
        const question = (id) => ({ kind: "accept_key", id, participant, compared });
        const accepted = await this.#ask(this.#acceptances, question);
        if (accepted)
            this.#notices.delete(participant);
        return accepted;
    }
    /**
     * Numbers for a diagnostics view.
     *
     * @throws when the call is over and the last key is erased.
     */
    async snapshot() {
        const answer = await this.#ask(this.#snapshots, (id) => ({ kind: "snapshot", id }));
        return { ...answer, state: this.state, roster: this.#roster, code: this.#code };
    }
    async #codeWith(participant) {
        const fact = await this.#ask(this.#codes, (id) => ({ kind: "code", id, participant }));
        return fact && new Code(fact);
    }
    /** Asks the worker something that it answers, unless it ends before. */
    #ask(questions, question) {
        if (this.#ended)
            return Promise.reject(new Error(OVER));
        const id = this.#nextQuestion++;
        return new Promise((resolve, reject) => {
            questions.set(id, { resolve, reject });
            this.#tell(question(id));
        });
    }
    #tell(message, transfer = []) {
        this.#worker.postMessage(message, transfer);
    }
    #announce() {
        const streams = this.#sources.map((source) => ({ number: STREAM_NUMBER[source], source }));
        this.#tell({ kind: "announce", streams });
    }
    #attach(end, attached) {
        const id = this.#nextTransform++;
        this.#transforms.set(end, id);
        this.#attached.set(id, attached);
        return id;
    }
    /** Its transform still runs, if its connection does: the worker only has to tell of it again. */
    #reopen(receiver, id) {
        if (this.#attached.has(id))
            return;
        this.#attached.set(id, { end: { receiver }, owner: undefined });
        this.#tell({ kind: "remember", transform: id });
    }
    #install(end, options) {
        try {
            this.#installOn(end, options);
        }
        catch (error) {
            this.#transforms.delete(end);
            this.#attached.delete(options.id);
            throw error;
        }
    }
    #installOn(end, options) {
        if (hasScriptTransform()) {
            end.transform = new RTCRtpScriptTransform(this.#worker, options);
            return;
        }
        const { readable, writable } = end.createEncodedStreams();
        this.#tell({ kind: "encoded_streams", options, readable, writable }, [readable, writable]);
    }
    #hear(message) {
        switch (message.kind) {
            case "snapshot":
                this.#snapshots.get(message.id)?.resolve(message.snapshot);
                this.#snapshots.delete(message.id);
                return;
            case "code":
                this.#codes.get(message.id)?.resolve(message.code);
                this.#codes.delete(message.id);
                return;
            case "code_comparison":
                this.#comparisons.get(message.id)?.resolve(message.comparison);
                this.#comparisons.delete(message.id);
                return;
            case "key_accepted":
                this.#acceptances.get(message.id)?.resolve(message.accepted);
                this.#acceptances.delete(message.id);
                return;
            case "failed":
                this.#endWorker();
                return this.#over("failed", "internal", message.reason);
            case "closed":
                return this.#endWorker();
            default:
                // What was on its way when it was over changes nothing any more.
                if (!isOver(this.state))
                    this.#follow(message);
        }
    }
    #follow(message) {
        switch (message.kind) {
            case "group":
                return this.#hearGroup(message.fact);
            case "media":
                return this.#hearMedia(message.fact);
            case "streams": {
                const { participant, streams } = message;
                const sources = streams.map(({ source }) => source);
                this.#announced.set(participant, sources);
                return this.emit("sources", { participant, sources });
            }
            case "signal":
                return this.emit("signal", message.signal);
            case "link":
                return this.#hearLink(message.up, message.reason);
            case "owner": {
                const attached = this.#attached.get(message.transform);
                if (!attached || !("receiver" in attached.end))
                    return;
                attached.owner = message.owner;
                return this.emit("owner", { ...message.owner, receiver: attached.end.receiver });
            }
            case "ended":
                return this.#detach(message.transform, message.reason);
            case "unsupported_codec": {
                const { transform, codec, reason } = message;
                return this.emit("codec", { codec, reason, ...this.#attached.get(transform)?.end });
            }
        }
    }
    /** No frames go through a transform any more; its end could be given here anew. */
    #detach(id, reason) {
        if (reason !== undefined)
            console.debug("mls-srtp: a sender or receiver ended:", reason);
        const attached = this.#attached.get(id);
        if (!attached)
            return;
        this.#attached.delete(id);
        const { end } = attached;
        this.#transforms.delete("receiver" in end ? end.receiver : end.sender);
    }
    #hearLink(up, reason) {
        // The first attempt decides whether we come in at all.
        if (!up && this.#ends && !this.#linked) {
            return this.#over("failed", "unreachable", `The service cannot be reached: ${reason}.`);
        }
        this.#linked ||= up;
        this.emit("link", { up, reason });
    }
    #hearGroup(fact) {
        switch (fact.type) {
            case "joined":
                // What is announced in another group follows.
                this.#announced.clear();
                this.#strongerSuite = undefined;
                return this.#clearTroubles();
            case "epoch_changed": {
                const { epoch, added, removed, roster, code } = fact;
                this.#epoch = epoch;
                this.#roster = roster;
                this.#code = code;
                this.#dropAnnounced(removed);
                this.#stand();
                this.emit("roster", roster);
                this.emit("code", code);
                return this.emit("epoch", { epoch, added, removed });
            }
            case "sending_in":
                return this.emit("sending", { epoch: fact.epoch, reason: fact.reason });
            case "stronger_suite_possible":
                this.#strongerSuite = fact.suite;
                return this.emit("strongerSuite", fact.suite);
            case "media_ready":
                this.#mediaReady = true;
                return this.emit("media", undefined);
            case "stalled":
            case "stall_ended":
                this.#silent = fact.type === "stalled";
                return this.#standIfMember();
            case "untrusted":
                this.#untrusted.set(fact.participant, fact.reason);
                return this.#standIfMember();
            case "trust_warning": {
                const { participant, warning, detail } = fact;
                const notice = { participant, warning, detail };
                this.#notices.set(participant, notice);
                return this.emit("trust", notice);
            }
            case "joiner_declined":
                return this.emit("declined", fact);
            case "trust_restored":
                this.#untrusted.delete(fact.participant);
                return this.#standIfMember();
            case "resyncing":
                this.#clearTroubles();
                return this.#become("resyncing", fact.reason, fact.detail);
            case "room_locked":
                this.#locked = fact.locked;
                return this.emit("lock", { locked: fact.locked, by: fact.by ?? undefined });
            case "refused": {
                // A lock that the service does not allow is a commit to it; other refused commits are made anew.
                const ours = fact.request === "commit" && fact.reason === "unauthorised";
                if (!ours && !MODERATING.has(fact.request))
                    return;
                return this.emit("refused", fact);
            }
            case "left":
            case "removed":
                return this.#over(fact.type, "", "");
            case "fatal": {
                const { reason, detail, remedy } = fact;
                return this.#over("failed", reason, remedy ? `${detail}: ${remedy}` : detail);
            }
            default:
                return;
        }
    }
    #hearMedia(fact) {
        if (fact.type !== "refusing" && fact.type !== "resumed")
            return;
        const { participant, trouble } = fact;
        this.emit("participant", { participant, trouble, resumed: fact.type === "resumed" });
    }
    /** What a participant said who is gone is nothing that whoever comes back has said. */
    #dropAnnounced(removed) {
        const here = new Set(this.#roster.map(({ participant }) => participant));
        for (const participant of removed) {
            // Somebody may be back as somebody else: whoever comes is looked at anew.
            this.#notices.delete(participant);
            if (!here.has(participant))
                this.#announced.delete(participant);
        }
    }
    #clearTroubles() {
        this.#silent = false;
        this.#untrusted.clear();
    }
    /** Where a member stands: several things can keep us from sending, and all must be over. */
    #stand() {
        const [suspect] = this.#untrusted;
        if (this.#silent)
            this.#become("stalled", "service_silent", "The service is silent.");
        else if (suspect)
            this.#become("stalled", "untrusted", `${suspect[0]}: ${suspect[1]}`);
        else
            this.#become("joined");
    }
    #standIfMember() {
        if (this.state === "joined" || this.state === "stalled")
            this.#stand();
    }
    #become(state, reason = "", detail = "") {
        const before = this.#change;
        if (isOver(before.state))
            return;
        if (state === before.state && reason === before.reason && detail === before.detail)
            return;
        this.#change = { state, reason, detail };
        if (state === "joined" || state === "stalled") {
            this.#ends?.resolve(this);
            this.#ends = undefined;
        }
        this.emit("state", this.#change);
    }
    #over(state, reason, detail) {
        if (isOver(this.state))
            return;
        // Otherwise the worker ends by itself when it has erased its last key.
        if (state === "failed")
            this.#endWorker();
        this.#ends?.reject(new Error(detail || reason || state));
        this.#ends = undefined;
        this.#become(state, reason, detail);
    }
    /** Ends the worker, if it has not ended by itself; nobody waits for an answer any more. */
    #endWorker() {
        this.#ended = true;
        this.#worker.terminate();
        for (const questions of [
            this.#snapshots,
            this.#codes,
            this.#comparisons,
            this.#acceptances,
        ]) {
            for (const { reject } of questions.values())
                reject(new Error(OVER));
            questions.clear();
        }
    }
    /** Tells a listener where things stand, but for what it was told since it came. */
    #catchUp(latecomer, name, listener) {
        // It was removed.
        if (!this.#latecomers.delete(latecomer))
            return;
        for (const detail of this.#standing(name)) {
            if (!latecomer.told.has(subject(detail)))
                this.tell(listener, detail);
        }
    }
    /** Where things stand, as the event tells it. */
    #standing(name) {
        switch (name) {
            case "state":
                return [this.#change];
            case "roster":
                return this.#epoch === undefined ? [] : [this.#roster];
            case "code":
                return this.#code ? [this.#code] : [];
            case "sources":
                return [...this.#announced].map(([participant, sources]) => ({ participant, sources }));
            case "trust":
                return [...this.#notices.values()];
            case "owner":
                return [...this.#attached.values()].flatMap(({ end, owner }) => owner && "receiver" in end ? [{ ...owner, receiver: end.receiver }] : []);
        }
    }
}
/** What every question is answered with that comes too late. */
const OVER = "the call is over";
const STANDING = new Set([
    "state",
    "roster",
    "code",
    "sources",
    "owner",
    "trust",
]);
/** The requests of moderators. */
const MODERATING = new Set(["evict", "readmit", "remove", "lock"]);
function moderates(token) {
    return claimsOf(token).rights?.includes("moderate") ?? false;
}
function isStanding(name) {
    return STANDING.has(name);
}
/** Whom or what the details of an event are about, of those that tell of several. */
function subject(detail) {
    const { receiver, participant } = Object(detail);
    return receiver ?? participant;
}
function isOver(state) {
    return state === "left" || state === "removed" || state === "failed";
}
