/** The call itself: the conference, its media, and what is shown of them. */

import { Conference, tabDevice, type StateChange } from "../index.js";
import { SfuConnection } from "../sfu.js";
import { open, openScreen } from "./devices.js";
import { byId, make, press, show } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Grid } from "./grid.js";
import type { Entry } from "./lobby.js";
import { watchSpeakers } from "./speakers.js";

const root = byId("call", HTMLDivElement);
const banner = byId("banner", HTMLParagraphElement);
const people = byId("people", HTMLSpanElement);
const code = byId("code", HTMLParagraphElement);
const codeShort = byId("code-short", HTMLSpanElement);
const buttons = {
  microphone: byId("mic", HTMLButtonElement),
  camera: byId("camera", HTMLButtonElement),
  screen: byId("screen", HTMLButtonElement),
};

/** How a call ended. */
export interface End {
  readonly title: string;
  readonly text: string;
}

/** Enters a room and shows it; `ended` is called once it is over. */
export async function enterCall(entry: Entry, ended: (end: End) => void): Promise<void> {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const call = await Conference.join({
    url: `${scheme}//${location.host}/`,
    room: entry.room,
    name: entry.name,
    device: await tabDevice(),
    sources: [],
  });
  const view = new CallView(call, entry, ended);
  // For the curious, and for tests: neither has keys.
  Object.assign(globalThis, { mlsSrtp: { call, media: view.media } });
}

class CallView {
  readonly media: SfuConnection;
  #call: Conference;
  #grid = new Grid((participant) => void this.#safety(participant));
  #drawer: Drawer;
  #tracks: Partial<Record<"microphone" | "camera" | "screen", MediaStreamTrack>> = {};
  #stopSpeakers: () => void;
  #ended: (end: End) => void;
  #stateText = "";
  #mediaText = "";
  #linkText = "";

  constructor(call: Conference, entry: Entry, ended: (end: End) => void) {
    this.#call = call;
    this.#ended = ended;
    if (entry.microphone) this.#tracks.microphone = entry.microphone;
    if (entry.camera) this.#tracks.camera = entry.camera;
    this.media = new SfuConnection(call, this.#tracks);
    const connection = () => this.media.connection;
    this.#drawer = new Drawer(call, connection);
    this.#stopSpeakers = watchSpeakers(call, connection, (who) => this.#grid.speaking(who));
    this.#listen();
    this.#buttons();
    root.hidden = false;
    byId("call-room", HTMLElement).textContent = entry.room;
    this.#roster();
    this.#code();
    this.#paintOwn();
  }

  #listen(): void {
    const { media } = this;
    const call = this.#call;
    call.on("roster", () => this.#roster());
    call.on("code", () => this.#code());
    call.on("epoch", ({ epoch, added, removed }) => {
      const came = added.map((who) => `${who} came`);
      const went = removed.map((who) => `${who} went`);
      this.#drawer.note(`Epoch ${epoch}: ${[...came, ...went].join(", ") || "keys renewed"}`);
    });
    call.on("sending", ({ epoch, reason }) => this.#drawer.switched(epoch, reason));
    call.on("state", (change) => this.#state(change));
    call.on("owner", (owner) => this.#grid.attach(owner));
    call.on("sources", ({ participant, sources }) => this.#grid.announced(participant, sources));
    call.on("participant", ({ participant, trouble, resumed }) => {
      this.#grid.trouble(participant, trouble, resumed);
      this.#drawer.note(`${participant}: ${trouble}${resumed ? " is over" : ""}`);
    });
    call.on("codec", ({ reason }) => this.#drawer.note(reason));
    call.on("link", ({ up, reason }) => {
      this.#linkText = up ? "" : "Connection to the service lost. Trying again…";
      this.#drawer.note(up ? "Service is back" : `Service lost: ${reason}`);
      this.#banner();
    });
    media.on("ended", (receiver) => this.#grid.detach(receiver));
    media.on("state", ({ connected, reason }) => {
      this.#mediaText = connected ? "" : "Sound and picture are lost. Trying again…";
      this.#drawer.note(connected ? "Media connected" : `Media lost: ${reason}`);
      this.#banner();
    });
  }

  #buttons(): void {
    buttons.microphone.onclick = () => void this.#toggle("microphone");
    buttons.camera.onclick = () => void this.#toggle("camera");
    buttons.screen.onclick = () => void this.#toggleScreen();
    buttons.screen.disabled = !("getDisplayMedia" in navigator.mediaDevices);
    byId("leave", HTMLButtonElement).onclick = () => this.#call.leave();
    const dialog = byId("code-dialog", HTMLDialogElement);
    byId("code-open", HTMLButtonElement).onclick = () => dialog.showModal();
    byId("invite", HTMLButtonElement).onclick = (event) => {
      const room = byId("call-room", HTMLElement).textContent ?? "";
      const link = `${location.origin}${location.pathname}?room=${encodeURIComponent(room)}`;
      const label = (event.currentTarget as HTMLElement).querySelector(".wide");
      navigator.clipboard.writeText(link).then(
        () => label && (label.textContent = "Copied"),
        () => prompt("The address of this room:", link),
      );
    };
  }

  async #toggle(source: "microphone" | "camera"): Promise<void> {
    const track = this.#tracks[source];
    if (track) {
      delete this.#tracks[source];
      await this.media.setTrack(source, undefined);
      track.stop();
    } else {
      const opened = await open(source);
      if (!opened.track) return show(banner, opened.problem);
      this.#tracks[source] = opened.track;
      await this.media.setTrack(source, opened.track);
    }
    this.#paintOwn();
  }

  async #toggleScreen(): Promise<void> {
    const track = this.#tracks.screen;
    if (track) return this.#stopScreen(track);
    try {
      const opened = await openScreen();
      if (!opened) return;
      this.#tracks.screen = opened;
      opened.onended = () => void this.#stopScreen(opened);
      await this.media.setTrack("screen", opened);
    } catch (error) {
      show(banner, `The screen cannot be shared: ${error instanceof Error ? error.message : error}`);
    }
    this.#paintOwn();
  }

  async #stopScreen(track: MediaStreamTrack): Promise<void> {
    delete this.#tracks.screen;
    await this.media.setTrack("screen", undefined);
    track.stop();
    this.#paintOwn();
  }

  #paintOwn(): void {
    const { microphone, camera, screen } = this.#tracks;
    press(buttons.microphone, microphone !== undefined, "mic", "mic-off");
    press(buttons.camera, camera !== undefined, "camera", "camera-off");
    press(buttons.screen, screen !== undefined, "screen", "screen");
    const self = this.#call.participant;
    this.#grid.own(self, "camera", camera);
    this.#grid.own(self, "screen", screen);
    const sources = (["microphone", "camera", "screen"] as const).filter((s) => this.#tracks[s]);
    this.#grid.announced(self, sources);
  }

  #roster(): void {
    const roster = this.#call.roster.map(({ participant }) => participant);
    this.#grid.keep(new Set(roster));
    const self = this.#call.participant;
    for (const participant of roster) this.#grid.add(participant, participant === self);
    people.textContent = roster.length === 1 ? "Only you" : `${roster.length} people`;
  }

  #code(): void {
    codeShort.textContent = this.#call.code.split(" ")[0] ?? "";
    paintDigits(code, this.#call.code);
  }

  async #safety(participant: string): Promise<void> {
    const digits = await this.#call.safetyNumber(participant);
    if (!digits) return;
    byId("safety-who", HTMLParagraphElement).textContent = participant;
    paintDigits(byId("safety", HTMLParagraphElement), digits);
    byId("safety-dialog", HTMLDialogElement).showModal();
  }

  #state({ state, reason, detail }: StateChange): void {
    this.#drawer.note(`State: ${state}${reason ? ` (${reason})` : ""}`);
    switch (state) {
      case "stalled":
        this.#stateText =
          reason === "untrusted"
            ? `Nothing is sent while somebody in the call is not trusted. ${detail}`
            : "The service is silent, so nothing is sent: somebody may have been removed unnoticed.";
        break;
      case "resyncing":
        this.#stateText = "Entering the call anew…";
        break;
      case "left":
        return this.#end("You left the call", "Your keys have been erased.");
      case "removed":
        return this.#end("You were removed from the call", "Your keys have been erased.");
      case "failed":
        return this.#end("The call is over", detail || reason);
      default:
        this.#stateText = "";
    }
    this.#banner();
  }

  #banner(): void {
    show(banner, this.#stateText || this.#linkText || this.#mediaText);
  }

  #end(title: string, text: string): void {
    this.#stopSpeakers();
    this.#drawer.close();
    this.#grid.close();
    this.media.close();
    for (const track of Object.values(this.#tracks)) track.stop();
    root.hidden = true;
    this.#ended({ title, text });
  }
}

/** Shows groups of digits in columns. */
function paintDigits(element: HTMLElement, digits: string): void {
  element.replaceChildren(...digits.split(" ").map((group) => make("span", "", group)));
  element.ariaLabel = digits;
}
