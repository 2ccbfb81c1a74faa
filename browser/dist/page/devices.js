/** Camera, microphone and screen, and why there is none. */
const CAMERA = {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30 },
};
/** Asks for both, then for each alone: one that is missing does not keep the other. */
export async function openDevices() {
    try {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: CAMERA });
        return {
            microphone: stream.getAudioTracks()[0],
            camera: stream.getVideoTracks()[0],
            problem: "",
        };
    }
    catch {
        const [microphone, camera] = [await open("microphone"), await open("camera")];
        const problem = [microphone.problem, camera.problem].filter(Boolean).join(" ");
        return { microphone: microphone.track, camera: camera.track, problem };
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
        return stream.getVideoTracks()[0];
    }
    catch (error) {
        if (error instanceof DOMException && error.name === "NotAllowedError")
            return undefined;
        throw error;
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
