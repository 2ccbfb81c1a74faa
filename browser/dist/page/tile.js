/** One picture with the name of whose key opened it. */
import { icon, make } from "./dom.js";
const TROUBLE_IN_WORDS = {
    missing_key: "Waiting for the key",
    auth_failed: "Frames do not verify and are dropped",
    replayed: "Repeated frames are dropped",
    wrong_stream: "Frames of an unannounced stream are dropped",
};
/** A tile of the grid. */
export class Tile {
    name;
    options;
    element = make("article", "tile dark");
    video = make("video");
    #text = make("b");
    /** What the symbols and the frame say, for who cannot see them. */
    #said = make("span", "sr");
    #words = new Set();
    #trouble = make("p", "trouble");
    #muted = icon("mic-off", "muted");
    #lock = icon("lock", "lock");
    #troubles = new Set();
    #notice;
    constructor(name, options) {
        this.name = name;
        this.options = options;
        this.element.classList.toggle("self", options.self);
        this.element.classList.toggle("screen", options.screen);
        this.element.dataset["name"] = name;
        this.video.autoplay = true;
        this.video.playsInline = true;
        this.video.muted = true;
        const face = make("span", "face", initials(name));
        face.style.setProperty("--hue", String(hue(name)));
        face.ariaHidden = "true";
        const label = make("button", "label");
        label.type = "button";
        label.disabled = !options.onname;
        label.title = options.onname ? "Show the safety number" : "";
        if (options.onname)
            label.onclick = options.onname;
        label.append(this.#lock, this.#text, this.#muted, this.#said);
        this.title = name;
        this.muted = false;
        this.#trouble.hidden = true;
        this.element.append(face, this.video, label, this.#trouble);
        this.locked = options.self;
    }
    /** The name as it is shown: longer than `name` where that alone could be somebody else's. */
    set title(title) {
        const { screen, self } = this.options;
        this.#text.textContent = screen ? `${title} · screen` : self ? `${title} (you)` : title;
    }
    /** The picture, or none. */
    set track(track) {
        const current = this.video.srcObject?.getVideoTracks()[0];
        if (current === track)
            return;
        this.video.srcObject = track ? new MediaStream([track]) : null;
        if (track)
            this.video.play().catch(() => { });
    }
    /** Whether the picture is shown, or the initials. */
    set lit(lit) {
        this.element.classList.toggle("dark", !lit);
    }
    /** Whether a key of this participant has opened something. */
    set locked(locked) {
        this.#lock.toggleAttribute("hidden", !locked);
        this.#say("encrypted", locked);
    }
    set muted(muted) {
        this.#muted.toggleAttribute("hidden", !muted);
        this.#say("muted", muted);
    }
    set speaking(speaking) {
        this.element.classList.toggle("speaking", speaking);
        this.#say("speaking", speaking);
    }
    /** Frames of the participant are refused, or accepted again. */
    trouble(trouble, over) {
        if (over)
            this.#troubles.delete(trouble);
        else
            this.#troubles.add(trouble);
        const [first] = this.#troubles;
        this.#trouble.textContent = first ? TROUBLE_IN_WORDS[first] : "";
        this.#trouble.hidden = first === undefined;
    }
    /** Something that a person should look at, and how; or no more. */
    notice(text, look) {
        this.#notice?.remove();
        this.#notice = undefined;
        if (!text)
            return;
        const notice = make("button", "notice");
        notice.type = "button";
        notice.append(icon("alert"), make("span", "", text));
        notice.onclick = () => look?.();
        this.#notice = notice;
        this.element.append(notice);
    }
    #say(word, on) {
        if (this.#words.has(word) === on)
            return;
        if (on)
            this.#words.add(word);
        else
            this.#words.delete(word);
        this.#said.textContent = [...this.#words].map((one) => `, ${one}`).join("");
    }
}
function initials(name) {
    const parts = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    return (parts.length > 1 ? `${parts[0]?.[0]}${parts[1]?.[0]}` : name.slice(0, 2)).toUpperCase();
}
function hue(name) {
    let sum = 0;
    for (const char of name)
        sum = (sum * 31 + char.charCodeAt(0)) % 360;
    return sum;
}
