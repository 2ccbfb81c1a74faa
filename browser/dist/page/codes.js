/** The dialogs with what people compare: digits, their QR code, and a field for somebody else's. */
import { byId, make, show } from "./dom.js";
export const GROUP_WORDS = {
    match: "The same: you are in one group.",
    differs: "Not the same. If somebody has just come or gone, compare again; otherwise somebody is in between.",
};
export const SAFETY_WORDS = {
    match: "The same: nobody is in between.",
    differs: "Not the same: somebody is in between, or one of you has another key by now.",
};
/** A dialog of `index.html`, whose ids all begin alike. */
export class CodeDialog {
    words;
    #dialog;
    #digits;
    #picture;
    #text;
    #outcome;
    #shown = "";
    #compare = async () => undefined;
    constructor(prefix, words) {
        this.words = words;
        this.#dialog = byId(`${prefix}-dialog`, HTMLDialogElement);
        this.#digits = byId(prefix, HTMLParagraphElement);
        this.#picture = byId(`${prefix}-picture`, HTMLImageElement);
        this.#text = byId(`${prefix}-text`, HTMLInputElement);
        this.#outcome = byId(`${prefix}-outcome`, HTMLParagraphElement);
        this.#text.oninput = () => void this.#judge().catch(() => { });
        // Otherwise this key would close the dialog.
        this.#text.onkeydown = (event) => {
            if (event.key === "Enter")
                event.preventDefault();
        };
        const copy = byId(`${prefix}-copy`, HTMLButtonElement);
        copy.onclick = () => {
            const text = this.#shown;
            navigator.clipboard.writeText(text).catch(() => prompt("The text of this code:", text));
        };
    }
    get isOpen() {
        return this.#dialog.open;
    }
    /** Shows a code, instead of what was shown; a text that is there already is compared anew. */
    show(code, compare) {
        const groups = code.digits.split(" ").map((group) => make("span", "", group));
        this.#digits.replaceChildren(...groups);
        this.#digits.ariaLabel = code.digits;
        this.#picture.src = `data:image/svg+xml,${encodeURIComponent(code.qrSvg)}`;
        this.#shown = code.qrText;
        this.#compare = compare;
        if (!this.isOpen) {
            this.#text.value = "";
            this.#dialog.showModal();
        }
        void this.#judge().catch(() => { });
    }
    close() {
        this.#dialog.close();
    }
    async #judge() {
        const text = this.#text.value;
        const comparison = text.trim() ? await this.#compare(text) : undefined;
        // Another text may have come meanwhile.
        if (text !== this.#text.value)
            return;
        const outcome = comparison?.outcome;
        const clear = outcome === "match" || outcome === "differs";
        show(this.#outcome, clear ? this.words[outcome] : sentence(comparison?.detail ?? ""));
        this.#outcome.dataset["outcome"] = outcome ?? "";
        this.#outcome.classList.toggle("good", outcome === "match");
        this.#outcome.classList.toggle("bad", outcome === "differs");
        this.#outcome.classList.toggle("warn", !clear);
    }
}
function sentence(text) {
    return text && `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}
