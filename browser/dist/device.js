/** Names for tabs: two tabs of one user are two devices. */
import { hold } from "./locks.js";
/** The name of this tab, for a reload. */
const OF_TAB = "mls-srtp.device";
/** The names that this browser has used, for the next session. */
const OF_BROWSER = "mls-srtp.devices";
/** How long the tab that we replace, by a reload, may take to let go of its name. */
const PATIENCE = 400;
let ours;
/**
 * The device name of this tab. A tab keeps its name over a reload; a tab of a later session takes
 * a name that this browser has used and no other tab has now, so that people meet the same device
 * again; and a duplicated tab, which inherits the storage of the first, gets another name.
 */
export function tabDevice() {
    ours ??= choose();
    return ours;
}
async function choose() {
    const used = names();
    const before = sessionStorage.getItem(OF_TAB);
    const tries = used.map((name) => [name, 0]);
    if (before)
        tries.unshift([before, PATIENCE]);
    for (const [name, patience] of tries) {
        if (await take(name, patience))
            return keep(name);
    }
    for (;;) {
        const name = randomName();
        if (await take(name, 0))
            return keep(name);
    }
}
function keep(name) {
    sessionStorage.setItem(OF_TAB, name);
    const used = names();
    if (!used.includes(name))
        localStorage.setItem(OF_BROWSER, [...used, name].join(" "));
    return name;
}
function names() {
    return (localStorage.getItem(OF_BROWSER) ?? "").split(" ").filter(Boolean);
}
/** Takes a name for this tab; where the browser has no locks, it is ours. */
async function take(name, patience) {
    return (await hold(`${OF_TAB}/${name}`, patience)) !== false;
}
function randomName() {
    const bytes = crypto.getRandomValues(new Uint8Array(4));
    return `tab-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
