/** Details: what the keys do, in numbers. */
import { byId, make } from "./dom.js";
const INTERVAL = 1_000;
const LOG_ENTRIES = 30;
const element = byId("drawer", HTMLElement);
const facts = byId("facts", HTMLElement);
const senders = byId("senders", HTMLDivElement);
const log = byId("log", HTMLElement);
const button = byId("details", HTMLButtonElement);
const closer = byId("drawer-close", HTMLButtonElement);
/** The drawer of one call. */
export class Drawer {
    call;
    connection;
    #timer;
    #switched = "";
    constructor(call, connection) {
        this.call = call;
        this.connection = connection;
        log.replaceChildren();
        button.onclick = () => this.toggle(Boolean(element.hidden));
        closer.onclick = () => this.toggle(false);
        document.addEventListener("keydown", this.#escape);
    }
    toggle(open) {
        // What is hidden cannot keep the focus.
        if (!open && element.contains(document.activeElement))
            button.focus();
        element.hidden = !open;
        button.setAttribute("aria-expanded", String(open));
        clearInterval(this.#timer);
        if (!open)
            return;
        closer.focus();
        this.#timer = setInterval(() => this.#paint().catch(() => { }), INTERVAL);
        this.#paint().catch(() => { });
    }
    close() {
        this.toggle(false);
        button.onclick = null;
        document.removeEventListener("keydown", this.#escape);
    }
    /** Sending moved to an epoch. */
    switched(epoch, reason) {
        this.#switched = `to ${epoch} at ${clock()}, ${reason.replace("_", " ")}`;
    }
    /** Something that a person may want to know later. */
    note(text) {
        const entry = make("li");
        entry.append(make("time", "mono", clock()), text);
        log.prepend(entry);
        while (log.childElementCount > LOG_ENTRIES)
            log.lastElementChild?.remove();
    }
    #escape = (event) => {
        // A dialog lies above the drawer, and this key is for the topmost.
        const dialog = document.querySelector("dialog[open]");
        if (event.key === "Escape" && !element.hidden && !dialog)
            this.toggle(false);
    };
    async #paint() {
        const [snapshot, hop] = await Promise.all([this.call.snapshot(), this.#hop()]);
        const { transforms } = snapshot;
        list({
            State: snapshot.state,
            Epoch: String(snapshot.epoch ?? "–"),
            "Sending in": String(snapshot.sendingEpoch ?? "–"),
            "Last switch": this.#switched || "–",
            "Group code": snapshot.code || "–",
            "Cipher suite": suiteOf(snapshot.suite, this.call.strongerSuite),
            Group: snapshot.group?.slice(0, 8) ?? "–",
            "Frames sent": String(snapshot.protected),
            "Frames not sent": dropsOf(transforms, "send"),
            "Frames not shown": dropsOf(transforms, "receive"),
            "Sender unknown": inWords(strangers(snapshot)),
            Signaling: snapshot.linkUp ? `up, reconnected ${snapshot.reconnects}×` : "down",
            "Hop to the SFU": hop,
        });
        senders.replaceChildren(table(snapshot));
    }
    /** The cipher of the hop, which comes on top of ours. */
    async #hop() {
        const connection = this.connection();
        if (!connection)
            return "not connected";
        for (const stat of (await connection.getStats()).values()) {
            if (stat.type === "transport")
                return `${connection.connectionState}, ${stat.srtpCipher ?? "–"}`;
        }
        return connection.connectionState;
    }
}
/** What the group agrees on keys with. */
function suiteOf(suite, stronger) {
    return `${suite ?? "–"}${stronger ? `; all here could do ${stronger}` : ""}`;
}
function list(entries) {
    facts.replaceChildren(...Object.entries(entries).flatMap(([term, text]) => [
        make("dt", "", term),
        make("dd", "mono", text),
    ]));
}
function table(snapshot) {
    const table = make("table");
    const head = table.createTHead().insertRow();
    for (const title of ["From", "Epoch", "Opened", "Late", "Refused"])
        head.append(make("th", "", title));
    const body = table.createTBody();
    for (const sender of snapshot.senders) {
        const row = body.insertRow();
        row.insertCell().textContent = sender.participant;
        const heardIn = snapshot.heardIn[sender.participant];
        const lags = heardIn !== undefined && heardIn < (snapshot.epoch ?? 0);
        row.insertCell().textContent = `${heardIn ?? "–"}${lags ? " lags" : ""}`;
        row.insertCell().textContent = String(sender.opened);
        row.insertCell().textContent = String(sender.openedLate);
        const refused = refusals(sender);
        const cell = row.insertCell();
        cell.textContent = String(refused.reduce((sum, [, count]) => sum + count, 0));
        const why = refused.map(([reason, count]) => `${reason} ${count}`).join(", ");
        if (why)
            cell.append(make("br"), make("small", "", why));
    }
    return table;
}
/** Frames that no member can be blamed for. */
function strangers(snapshot) {
    // The sum over all includes those that a sender is named for below.
    const named = snapshot.senders.reduce((sum, { missingKey }) => sum + missingKey, 0);
    return [
        ["malformed", snapshot.malformed],
        ["unknown epoch", snapshot.unknownEpoch],
        ["unknown leaf", snapshot.unknownLeaf],
        ["no key", snapshot.missingKey - named],
    ];
}
function refusals(sender) {
    const all = [
        ["no key", sender.missingKey],
        ["forged", sender.authFailed],
        ["repeated", sender.replayed],
        ["unannounced", sender.wrongStream],
    ];
    return all.filter(([, count]) => count > 0);
}
function dropsOf(transforms, side) {
    const sums = new Map();
    for (const { dropped } of transforms.filter((one) => one.side === side)) {
        for (const [reason, count] of Object.entries(dropped)) {
            sums.set(reason, (sums.get(reason) ?? 0) + count);
        }
    }
    return inWords([...sums]);
}
function inWords(counts) {
    const some = counts.filter(([, count]) => count > 0);
    const words = some.map(([reason, count]) => `${count} (${reason.replaceAll("_", " ")})`);
    return words.join(", ") || "0";
}
function clock() {
    return new Date().toLocaleTimeString([], { hour12: false });
}
