/** The keys of others that this origin remembers between calls, so that a change is told. */
import { read, write } from "./vault.js";
/** The entry; no participant has such a name. */
const ENTRY = "pins";
/** What one worker knows of them. Other workers of this origin learn at the same time. */
export class Pins {
    /** What the core began with, as JSON; nothing if nothing is remembered, or can be. */
    known;
    /** What of it was read or written last. */
    #before;
    #writing = Promise.resolve();
    constructor(pins) {
        this.known = pins.length ? JSON.stringify(pins) : undefined;
        this.#before = keys(pins);
    }
    static async open() {
        return new Pins(await stored().catch(cannot) ?? []);
    }
    /** Stores what is remembered now, one write after the other. */
    keep(json) {
        const pins = JSON.parse(json);
        const write = () => alone(() => this.#merge(pins)).catch(cannot);
        this.#writing = this.#writing.then(write);
    }
    /** Writes what has changed here, and leaves what has changed elsewhere. */
    async #merge(pins) {
        const changed = pins.filter((pin) => this.#before.get(pin.participant) !== pin.signature_key);
        const now = keys(pins);
        const stays = ({ participant }) => 
        // Neither learnt anew here, nor forgotten.
        !changed.some((pin) => pin.participant === participant) &&
            (now.has(participant) || !this.#before.has(participant));
        const merged = [...((await stored()) ?? []).filter(stays), ...changed];
        await write(ENTRY, new TextEncoder().encode(JSON.stringify(merged)));
        this.#before = now;
    }
}
async function stored() {
    const bytes = await read(ENTRY);
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
}
function keys(pins) {
    return new Map(pins.map(({ participant, signature_key }) => [participant, signature_key]));
}
/** Does something while no other worker of this origin does. */
async function alone(act) {
    if (!navigator.locks)
        return act();
    await navigator.locks.request(`mls-srtp/${ENTRY}`, act);
}
function cannot(error) {
    console.debug("mls-srtp: keys of others are not kept:", error instanceof Error ? error.message : error);
}
