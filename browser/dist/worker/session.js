/** One stay in one room: drives the core, the link and the frames. */
import { Core } from "../wasm/mls_srtp_browser.js";
import { Link } from "./link.js";
import { isTrap } from "./trap.js";
/** Keys live for seconds, so a tenth of one does not matter when they are erased. */
const TICK = 100;
/** How long the goodbye may take to go out before the link closes. */
const GOODBYE = 200;
export class Session {
    transforms;
    #core;
    #pins;
    #post;
    #link;
    #timer;
    #closed;
    /** The stay is over. */
    #over = false;
    /** It is, and the goodbye has gone out. */
    #parted = false;
    /** The core has failed and must not be asked any more. */
    #dead = false;
    /** `closed` is called when the stay is over and the core has erased its last key. */
    constructor(participant, identity, pins, room, token, requirePostQuantum, issuers, url, transforms, post, closed) {
        this.#core = new Core(participant, identity, pins.known, requirePostQuantum, [...issuers]);
        this.#pins = pins;
        this.#post = post;
        this.#closed = closed;
        this.transforms = transforms;
        this.#core.join(room, token);
        this.#link = new Link(url, {
            up: () => {
                post({ kind: "link", up: true, reason: "" });
                this.#run(() => this.#core.connected(performance.now()));
            },
            down: (reason) => {
                post({ kind: "link", up: false, reason });
                this.#run(() => this.#core.disconnected());
            },
            envelope: (json) => this.#run(() => this.#core.receive(json, performance.now())),
        });
        transforms.attach(this.#core, {
            troubled: () => this.#run(() => { }),
            broken: (error) => this.#fail(error),
        });
        this.#tick();
    }
    announce(streams) {
        this.#run(() => this.#core.announce(JSON.stringify(streams)));
    }
    signal(signal) {
        this.#run(() => this.#core.signal(JSON.stringify(signal)));
    }
    /** Why it could not be asked for is told as a refusal. */
    moderate(what) {
        this.#run(() => {
            try {
                if (what.act === "lock")
                    this.#core.setLocked(what.locked, performance.now());
                else if (what.act === "remove")
                    this.#core.remove(what.participant);
                else
                    this.#core.readmit(what.participant);
            }
            catch (error) {
                if (isTrap(error))
                    throw error;
                const detail = error instanceof Error ? error.message : String(error);
                const fact = { type: "refused", request: what.act, reason: "unauthorised", detail };
                this.#post({ kind: "group", fact });
            }
        });
    }
    setToken(token) {
        this.#run(() => this.#core.setToken(token));
    }
    leave() {
        this.#run(() => this.#core.leave());
    }
    /** Gives the connection up as if the network had. */
    reconnect() {
        this.#link?.reconnect("given up by the application");
    }
    /** Nothing for a name that is none, as for one of nobody here. */
    code(participant) {
        let json;
        this.#attempt(() => (json = this.#core.code(participant)));
        return json === undefined ? undefined : JSON.parse(json);
    }
    /** Likewise. */
    compareCode(text, participant) {
        let json;
        this.#attempt(() => (json = this.#core.compareCode(text, participant)));
        return json === undefined ? undefined : JSON.parse(json);
    }
    /** From now on this is the member's key: a person has compared this safety number. */
    acceptKey(participant, compared) {
        let accepted = false;
        this.#run(() => (accepted = this.#core.acceptKey(participant, compared)));
        return accepted;
    }
    snapshot() {
        const counters = JSON.parse(this.#core.stats());
        return {
            ...counters,
            linkUp: this.#link?.isUp ?? false,
            reconnects: this.#link?.reconnects ?? 0,
            heardIn: this.transforms.heardIn(),
            transforms: this.transforms.counters(),
        };
    }
    /** Does something to the core and everything that it wants done then. */
    #run(act) {
        this.#attempt(act);
        if (this.#dead)
            return;
        try {
            this.#drain();
        }
        catch (error) {
            if (!isTrap(error))
                throw error;
            this.#fail(error);
        }
    }
    #attempt(act) {
        if (this.#dead)
            return;
        try {
            act();
        }
        catch (error) {
            if (isTrap(error))
                return this.#fail(error);
            // A message that is none, or a command that came too late: the core has not changed.
            console.debug("mls-srtp:", error instanceof Error ? error.message : error);
        }
    }
    /** The core broke off in the middle of something: it is not asked for anything any more. */
    #fail(error) {
        if (this.#dead)
            return;
        this.#dead = true;
        this.transforms.detach();
        clearTimeout(this.#timer);
        this.#link?.close();
        this.#post({ kind: "failed", reason: `the key manager failed: ${error}` });
    }
    #drain() {
        for (;;) {
            const json = this.#core.poll(performance.now());
            if (json === undefined)
                break;
            this.#carryOut(JSON.parse(json));
        }
        const pins = this.#core.changedPins();
        if (pins !== undefined)
            this.#pins.keep(pins);
        this.transforms.release();
    }
    #carryOut(told) {
        switch (told.kind) {
            case "send":
                return this.#link?.send(JSON.stringify(told.body));
            case "reconnect":
                return this.#link?.reconnect("the connection was of no use any more");
            case "signal":
                return this.#post({ kind: "signal", signal: told.body });
            case "media":
                return this.#post({ kind: "media", fact: told.body });
            case "streams":
                this.transforms.announced(told.body.participant, told.body.streams);
                return this.#post({ kind: "streams", ...told.body });
            case "group":
                return this.#heed(told.body);
        }
    }
    #heed(fact) {
        if (fact.type === "keyframe_wanted")
            this.transforms.giveKeyframes();
        // Another group counts its epochs anew.
        if (fact.type === "joined")
            this.transforms.doubtOwners();
        this.#post({ kind: "group", fact });
        if (fact.type === "left" || fact.type === "removed" || fact.type === "fatal")
            this.#end();
    }
    /** The stay is over: the link goes; the core stays until it has erased its last key. */
    #end() {
        if (this.#over)
            return;
        this.#over = true;
        const link = this.#link;
        setTimeout(() => {
            link?.close();
            this.#parted = true;
        }, GOODBYE);
    }
    #tick() {
        clearTimeout(this.#timer);
        try {
            this.#run(() => this.#core.handleTimeout(performance.now()));
        }
        finally {
            // Whatever happened, keys are still to be erased.
            this.#arm();
        }
    }
    /** Comes back when something is due, or closes when nothing will be any more. */
    #arm() {
        let due;
        this.#attempt(() => (due = this.#core.pollTimeout()));
        if (this.#dead)
            return;
        if (this.#parted && due === undefined)
            return this.#closed();
        const wait = due === undefined ? TICK : Math.min(Math.max(due - performance.now(), 1), TICK);
        this.#timer = setTimeout(() => this.#tick(), wait);
    }
}
