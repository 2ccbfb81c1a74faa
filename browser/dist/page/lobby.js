/** Before the call: who, where, and with which devices. */
import { LACK_IN_WORDS, lacks } from "../index.js";
import { open, openDevices } from "./devices.js";
import { byId, press, show } from "./dom.js";
const form = byId("join", HTMLFormElement);
const name = byId("name", HTMLInputElement);
const room = byId("room", HTMLInputElement);
const enter = byId("enter", HTMLButtonElement);
const error = byId("lobby-error", HTMLParagraphElement);
const problem = byId("lobby-media", HTMLParagraphElement);
const preview = byId("preview", HTMLVideoElement);
const previewNone = byId("preview-none", HTMLParagraphElement);
const buttons = {
    microphone: byId("lobby-mic", HTMLButtonElement),
    camera: byId("lobby-camera", HTMLButtonElement),
};
const tracks = {};
/** Shows the lobby until somebody wants to join; calls `join` and says why it failed. */
export function lobby(join) {
    const query = new URLSearchParams(location.search);
    room.value = query.get("room") ?? "demo";
    name.value = query.get("name") ?? "";
    const [lack] = lacks();
    if (lack) {
        show(error, LACK_IN_WORDS[lack]);
        enter.disabled = true;
        return;
    }
    buttons.microphone.onclick = () => toggle("microphone");
    buttons.camera.onclick = () => toggle("camera");
    form.onsubmit = (event) => {
        event.preventDefault();
        void submit(join);
    };
    void start();
}
async function start() {
    const devices = await openDevices();
    show(problem, devices.problem);
    if (devices.microphone)
        tracks.microphone = devices.microphone;
    if (devices.camera)
        tracks.camera = devices.camera;
    paint();
}
async function toggle(device) {
    const track = tracks[device];
    if (track) {
        track.stop();
        delete tracks[device];
    }
    else {
        const opened = await open(device);
        show(problem, opened.problem);
        if (opened.track)
            tracks[device] = opened.track;
    }
    paint();
}
function paint() {
    press(buttons.microphone, tracks.microphone !== undefined, "mic", "mic-off");
    press(buttons.camera, tracks.camera !== undefined, "camera", "camera-off");
    previewNone.hidden = tracks.camera !== undefined;
    preview.hidden = tracks.camera === undefined;
    preview.srcObject = tracks.camera ? new MediaStream([tracks.camera]) : null;
}
async function submit(join) {
    const [who, where] = [safeName(name.value), safeName(room.value)];
    if (!who || !where) {
        show(error, who ? "Which room?" : "What is your name?");
        return (who ? room : name).focus();
    }
    show(error, "");
    enter.disabled = true;
    enter.textContent = "Joining…";
    try {
        const { microphone, camera } = tracks;
        await join({ name: who, room: where, microphone, camera });
    }
    catch (reason) {
        show(error, reason instanceof Error ? reason.message : String(reason));
    }
    finally {
        enter.disabled = false;
        enter.textContent = "Join";
    }
}
/** Names travel in credentials and log lines, so they have letters, digits and `-_.+` only. */
function safeName(text) {
    return text
        .normalize("NFD")
        .replace(/\p{M}/gu, "")
        .trim()
        .replace(/\s+/g, "_")
        .replace(/[^\w.+-]/g, "")
        .slice(0, 48);
}
