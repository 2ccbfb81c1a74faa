/** The conference page. */
import { enterCall } from "./call.js";
import { byId, show } from "./dom.js";
import { lobby } from "./lobby.js";
const lobbyRoot = byId("lobby", HTMLElement);
const over = byId("over", HTMLElement);
const overTitle = byId("over-title", HTMLHeadingElement);
const overKeys = byId("over-keys", HTMLParagraphElement);
byId("again", HTMLButtonElement).onclick = () => location.reload();
lobby(async (entry) => {
    await enterCall(entry, ({ title, text, erased }) => {
        overTitle.textContent = title;
        show(byId("over-text", HTMLParagraphElement), text);
        overKeys.textContent = "The keys of this call are being erased…";
        void erased.then(() => (overKeys.textContent = "The keys of this call have been erased."));
        over.hidden = false;
        overTitle.focus();
    });
    lobbyRoot.hidden = true;
});
