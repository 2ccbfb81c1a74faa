/** The conference page. */

import { enterCall } from "./call.js";
import { byId, show } from "./dom.js";
import { lobby } from "./lobby.js";

const lobbyRoot = byId("lobby", HTMLElement);
const over = byId("over", HTMLElement);

byId("again", HTMLButtonElement).onclick = () => location.reload();

lobby(async (entry) => {
  await enterCall(entry, ({ title, text }) => {
    byId("over-title", HTMLElement).textContent = title;
    show(byId("over-text", HTMLParagraphElement), text);
    over.hidden = false;
  });
  lobbyRoot.hidden = true;
});
