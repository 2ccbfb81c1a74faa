/** Camera, microphone and screen, and why there is none. */
const CAMERA = {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30 },
};
/**
 * Asks for both, then for each alone: one that is missing does not keep the other. Tracks are
 * given away one by one, as soon as they are open: who waits no longer must be able to stop them.
 *
 * Returns what could not be had, said for a person.
 */
export async function openDevices(give) {
    try {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: CAMERA });
        for (const track of stream.getTracks()) {
            give(track.kind === "audio" ? "microphone" : "camera", track);
        }
        return "";
    }
    catch {
        const problems = [];
        for (const device of ["microphone", "camera"]) {
            const { track, problem } = await open(device);
            if (track)
                give(device, track);
            if (problem)
                problems.push(problem);
        }
        return problems.join(" ");
    }
}
/** Opens one device. */
export async function open(device) {
    try {
        const wanted = device === "microphone" ? { audio: true } : { video: CAMERA };
        const stream = await navigator.mediaDevices.getUserMedia(wanted);
        return { track: stream.getTracks()[0], problem: "" };
    }
    catch (error) {
        return { track: undefined, problem: inWords(device, error) };
    }
}
/** Lets the user choose a screen; `undefined` if none was chosen. */
export async function openScreen() {
    try {
        const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
        return { track: stream.getVideoTracks()[0], problem: "" };
    }
    catch (error) {
        const declined = error instanceof DOMException && error.name === "NotAllowedError";
        const why = error instanceof Error ? error.message : error;
        return { track: undefined, problem: declined ? "" : `The screen cannot be shared: ${why}` };
    }
}
/**
 * Runs one action of a kind at a time: a second click while the browser still asks for a camera
 * would open it twice, and nobody could stop the first track.
 */
export class OneAtATime {
    #running = new Map();
    /** Runs an action, unless one of this kind is running. */
    async run(kind, action) {
        if (this.#running.has(kind))
            return;
        const running = action();
        this.#running.set(kind, running);
        try {
            await running;
        }
        finally {
            this.#running.delete(kind);
        }
    }
    /** Resolves when everything that runs now is over. */
    async idle() {
        await Promise.allSettled(this.#running.values());
    }
}
function inWords(device, error) {
    const name = error instanceof DOMException ? error.name : "";
    switch (name) {
        case "NotAllowedError":
            return `The browser may not use your ${device}: allow it in the address bar. You can join without.`;
        case "NotFoundError":
            return `No ${device} was found.`;
        case "NotReadableError":
            return `Another program is using your ${device}.`;
        default:
            return `Your ${device} cannot be used (${error instanceof Error ? error.message : error}).`;
    }
}
