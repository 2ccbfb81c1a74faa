/** Before the call: who, where, and with which devices. */
import { claimsOf, LACK_IN_WORDS, lacks } from "../index.js";
import { OneAtATime, open, openDevices } from "./devices.js";
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
const opening = new OneAtATime();
/** Behind the `#`, so that it is not sent to any server with the page's address. */
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
const claims = claimsOf(token);
/** Whether devices are still the lobby's: once we join, nobody would stop what comes late. */
let waiting = true;
/** A camera that is slow to start is worth this wait; a question that nobody answers is not. */
const DEVICES_WITHIN = 3_000;
/** Shows the lobby until somebody wants to join; calls `join` and says why it failed. */
export function lobby(join) {
    const query = new URLSearchParams(location.search);
    room.value = query.get("room") ?? "demo";
    name.value = query.get("name") ?? "";
    if (token)
        takeInvitation();
    const [lack] = lacks();
    if (lack) {
        show(error, LACK_IN_WORDS[lack]);
        enter.disabled = true;
        return;
    }
    buttons.microphone.onclick = () => void toggle("microphone");
    buttons.camera.onclick = () => void toggle("camera");
    form.onsubmit = (event) => {
        event.preventDefault();
        void submit(join);
    };
    void start();
}
/** A token says who we are and where we go. */
function takeInvitation() {
    const { sub, room: place = "" } = claims;
    if (sub)
        name.value = sub;
    name.readOnly = Boolean(sub);
    if (!place || place.endsWith("*"))
        return;
    room.value = place;
    room.readOnly = true;
}
async function start() {
    const both = async () => show(problem, await openDevices(take));
    await opening.run("microphone", () => opening.run("camera", both));
}
function toggle(device) {
    return opening.run(device, async () => {
        const track = tracks[device];
        if (track)
            return drop(device, track);
        const opened = await open(device);
        show(problem, opened.problem);
        if (opened.track)
            take(device, opened.track);
    });
}
function take(device, track) {
    if (!waiting)
        return track.stop();
    tracks[device] = track;
    paint();
}
function drop(device, track) {
    track.stop();
    delete tracks[device];
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
    if (enter.disabled)
        return;
    for (const [field, missing] of [
        [name, "What is your name?"],
        [room, "Which room?"],
    ]) {
        if (field.readOnly)
            continue;
        const wrong = nameProblem(field.value, missing);
        if (!wrong)
            continue;
        show(error, wrong);
        return field.focus();
    }
    show(error, "");
    joining(true);
    try {
        await Promise.race([opening.idle(), after(DEVICES_WITHIN)]);
        waiting = false;
        const { microphone, camera } = tracks;
        const who = claims.sub ?? safeName(name.value);
        const { device } = claims;
        await join({ name: who, room: safeName(room.value), device, token, microphone, camera });
    }
    catch (reason) {
        waiting = true;
        show(error, reason instanceof Error ? reason.message : String(reason));
    }
    finally {
        joining(false);
    }
    // A button that was disabled has lost the focus.
    if (waiting)
        enter.focus();
}
/** While we join, devices stay as they are: they are about to be the call's. */
function joining(now) {
    for (const button of [enter, buttons.microphone, buttons.camera])
        button.disabled = now;
    enter.textContent = now ? "Joining…" : "Join";
}
function after(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
/** Why a text cannot become a name; nothing if it can. */
function nameProblem(text, missing) {
    if (!text.trim())
        return missing;
    // Punctuation can go unnoticed, but a letter that is left out makes another name.
    const foreign = /[\p{L}\p{N}]/u.test(plain(text).replace(/\w/g, ""));
    if (safeName(text) && !foreign)
        return undefined;
    return "Names have the letters A to Z, digits and - _ . + only. Please write it with these.";
}
/** Names travel in credentials and log lines, so they have letters, digits and `-_.+` only. */
function safeName(text) {
    return plain(text)
        .trim()
        .replace(/\s+/g, "_")
        .replace(/[^\w.+-]/g, "")
        .slice(0, 48);
}
/** Letters without their accents. */
function plain(text) {
    return text.normalize("NFD").replace(/\p{M}/gu, "");
}
