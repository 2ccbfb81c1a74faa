/** Names for tabs: two tabs of one user are two devices. */
const STORED = "mls-srtp.device";
/** How long the tab that we replace, by a reload, may take to let go of its name. */
const PATIENCE = 400;
/**
 * The device name of this tab. It survives a reload and nothing else; a duplicated tab, which
 * inherits the storage of the first, gets a name of its own.
 */
export async function tabDevice() {
    const stored = sessionStorage.getItem(STORED);
    if (stored && (await hold(stored, PATIENCE)))
        return stored;
    for (;;) {
        const name = randomName();
        if (await hold(name, PATIENCE)) {
            sessionStorage.setItem(STORED, name);
            return name;
        }
    }
}
/** Takes the lock of a name until the page goes away; `false` if another tab has it. */
async function hold(name, patience) {
    if (!navigator.locks)
        return true;
    return new Promise((resolve) => {
        const held = () => {
            resolve(true);
            return new Promise(() => { });
        };
        navigator.locks
            .request(`${STORED}/${name}`, { signal: AbortSignal.timeout(patience) }, held)
            .catch(() => resolve(false));
    });
}
function randomName() {
    const bytes = crypto.getRandomValues(new Uint8Array(4));
    return `tab-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
