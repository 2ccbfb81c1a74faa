/** The call itself: the conference, its media, and what is shown of them. */

import { Conference, tabDevice, type Source, type StateChange, type TrustWarning } from "../index.js";
import { SfuConnection } from "../sfu.js";
import { CodeDialog, GROUP_WORDS, SAFETY_WORDS } from "./codes.js";
import { OneAtATime, open, openScreen } from "./devices.js";
import { byId, press, show } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Grid } from "./grid.js";
import type { Entry } from "./lobby.js";
import { watchSpeakers } from "./speakers.js";

const root = byId("call", HTMLDivElement);
const roomName = byId("call-room", HTMLHeadingElement);
const banner = byId("banner", HTMLParagraphElement);
const people = byId("people", HTMLSpanElement);
const codeShort = byId("code-short", HTMLSpanElement);
const lock = byId("lock", HTMLButtonElement);
const buttons = {
  microphone: byId("mic", HTMLButtonElement),
  camera: byId("camera", HTMLButtonElement),
  screen: byId("screen", HTMLButtonElement),
};

const dialogs = {
  code: new CodeDialog("code", GROUP_WORDS),
  safety: new CodeDialog("safety", SAFETY_WORDS),
};

/** Keys for receiving live a second longer than the call, for frames that are on their way. */
const ERASED_AFTER = 1_500;

const NOTICE_IN_WORDS: Readonly<Record<TrustWarning, string>> = {
  key_changed: "Another key than the last time: compare the safety number",
  new_device: "A new device: compare the safety number",
};

/** How a call ended. */
export interface End {
  readonly title: string;
  readonly text: string;
  /** Resolves when the keys of the call are gone, and the worker with them. */
  readonly erased: Promise<void>;
}

/** What the banner can be about. */
type About = "state" | "link" | "media" | "device" | "codec";

/** Enters a room and shows it; `ended` is called once it is over. */
export async function enterCall(entry: Entry, ended: (end: End) => void): Promise<void> {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const call = await Conference.join({
    url: `${scheme}//${location.host}/`,
    room: entry.room,
    name: entry.name,
    device: entry.device ?? (await tabDevice()),
    ...(entry.token === undefined ? {} : { token: entry.token }),
    sources: [],
  });
  const view = new CallView(call, entry, ended);
  // For the curious, and for tests: neither has keys.
  Object.assign(globalThis, { mlsSrtp: { call, media: view.media } });
}

class CallView {
  readonly media: SfuConnection;
  #call: Conference;
  #grid = new Grid((participant) => this.#safety(participant).catch(() => {}));
  #drawer: Drawer;
  #tracks: Partial<Record<Source, MediaStreamTrack>> = {};
  #opening = new OneAtATime<Source>();
  #stopSpeakers: () => void;
  #ended: (end: End) => void;
  #over = false;
  #texts: Record<About, string> = { state: "", link: "", media: "", device: "", codec: "" };

  constructor(call: Conference, entry: Entry, ended: (end: End) => void) {
    this.#call = call;
    this.#ended = ended;
    if (entry.microphone) this.#tracks.microphone = entry.microphone;
    if (entry.camera) this.#tracks.camera = entry.camera;
    this.media = new SfuConnection(call, this.#tracks);
    const connection = () => this.media.connection;
    this.#drawer = new Drawer(call, connection);
    this.#stopSpeakers = watchSpeakers(call, connection, (who) => this.#grid.speaking(who));
    root.hidden = false;
    roomName.textContent = entry.room;
    // What is heard is about people, so they must be there first.
    this.#roster();
    this.#code();
    this.#listen();
    this.#buttons();
    this.#paintOwn();
    this.#paintLock();
    // The lobby, which had the focus, is about to be hidden.
    roomName.focus();
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
    call.on("lock", ({ locked, by }) => {
      this.#drawer.note(`${by ?? "Somebody"} ${locked ? "locked" : "unlocked"} the room`);
      this.#paintLock();
    });
    call.on("refused", ({ detail }) => {
      this.#drawer.note(detail);
      this.#say("device", `That was refused: ${detail}.`);
    });
    call.on("sending", ({ epoch, reason }) => this.#drawer.switched(epoch, reason));
    call.on("state", (change) => this.#state(change));
    call.on("owner", (owner) => this.#grid.attach(owner));
    call.on("sources", ({ participant, sources }) => this.#grid.announced(participant, sources));
    call.on("participant", ({ participant, trouble, resumed }) => {
      this.#grid.trouble(participant, trouble, resumed);
      this.#drawer.note(`${participant}: ${trouble}${resumed ? " is over" : ""}`);
    });
    call.on("trust", ({ participant, warning, detail }) => {
      this.#drawer.note(`${participant} ${detail}`);
      this.#grid.notice(participant, NOTICE_IN_WORDS[warning]);
    });
    call.on("codec", ({ reason }) => {
      this.#drawer.note(reason);
      this.#say("codec", `Some sound or picture does not pass. ${reason}.`);
    });
    call.on("link", ({ up, reason }) => {
      this.#drawer.note(up ? "Service is back" : `Service lost: ${reason}`);
      this.#say("link", up ? "" : "Connection to the service lost. Trying again…");
    });
    media.on("ended", (receiver) => this.#grid.detach(receiver));
    media.on("state", ({ connected, reason }) => {
      this.#drawer.note(connected ? "Media connected" : `Media lost: ${reason}`);
      this.#say("media", connected ? "" : "Sound and picture are lost. Trying again…");
    });
  }

  #buttons(): void {
    buttons.microphone.onclick = () => void this.#toggle("microphone");
    buttons.camera.onclick = () => void this.#toggle("camera");
    buttons.screen.onclick = () => void this.#toggle("screen");
    buttons.screen.disabled = !("getDisplayMedia" in navigator.mediaDevices);
    byId("leave", HTMLButtonElement).onclick = () => this.#call.leave();
    lock.onclick = () => this.#call.setLocked(!this.#call.locked);
    byId("code-open", HTMLButtonElement).onclick = () => void this.#group().catch(() => {});
    byId("invite", HTMLButtonElement).onclick = (event) => {
      const room = roomName.textContent ?? "";
      const link = `${location.origin}${location.pathname}?room=${encodeURIComponent(room)}`;
      const label = (event.currentTarget as HTMLElement).querySelector(".wide");
      navigator.clipboard.writeText(link).then(
        () => label && (label.textContent = "Copied"),
        () => prompt("The address of this room:", link),
      );
    };
  }

  async #toggle(source: Source): Promise<void> {
    await this.#opening.run(source, async () => {
      const current = this.#tracks[source];
      if (current) return this.#switchOff(source, current);
      const { track, problem } = await (source === "screen" ? openScreen() : open(source));
      // The call may have ended while the browser asked, and then nobody would stop it.
      if (this.#over) return track?.stop();
      this.#say("device", problem);
      if (track) this.#switchOn(source, track);
    });
  }

  #switchOn(source: Source, track: MediaStreamTrack): void {
    this.#tracks[source] = track;
    // The browser has a button of its own that ends sharing.
    if (source === "screen") track.onended = () => this.#switchOff(source, track);
    this.#send(source, track);
    this.#paintOwn();
  }

  #switchOff(source: Source, track: MediaStreamTrack): void {
    if (this.#tracks[source] !== track) return;
    delete this.#tracks[source];
    this.#send(source, undefined);
    // At once: a connection that is being lost may never say that it took the track out.
    track.stop();
    this.#paintOwn();
  }

  /** A connection that fails here is made anew, and then with the tracks of that time. */
  #send(source: Source, track: MediaStreamTrack | undefined): void {
    this.media.setTrack(source, track).catch((error: unknown) => {
      this.#drawer.note(`${source}: ${error instanceof Error ? error.message : error}`);
    });
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

  /** Everybody sees whether the room is locked; moderators have the button besides. */
  #paintLock(): void {
    const { locked, moderates } = this.#call;
    byId("locked", HTMLSpanElement).hidden = !locked || moderates;
    lock.hidden = !moderates;
    lock.textContent = locked ? "Unlock" : "Lock";
    lock.setAttribute("aria-pressed", String(locked));
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
    if (dialogs.code.isOpen) this.#group().catch(() => {});
  }

  async #group(): Promise<void> {
    const code = await this.#call.groupCode();
    if (!code || this.#over) return;
    dialogs.code.show(code, (text) => this.#call.compareCode(text));
  }

  async #safety(participant: string): Promise<void> {
    const number = await this.#call.safetyNumber(participant);
    if (!number || this.#over) return;
    const accept = byId("safety-accept", HTMLButtonElement);
    accept.onclick = () => void this.#accept(participant, number.digits).catch(() => {});
    byId("safety-who", HTMLParagraphElement).textContent = participant;
    const remove = byId("remove", HTMLButtonElement);
    remove.hidden = !this.#call.moderates || participant === this.#call.participant;
    remove.onclick = () => this.#call.remove(participant);
    dialogs.safety.show(number, (text) => this.#call.compareCode(text, participant));
  }

  /** A person says that the digits are the same on both sides. */
  async #accept(participant: string, digits: string): Promise<void> {
    if (await this.#call.acceptKey(participant, digits)) {
      this.#grid.notice(participant, "");
      this.#drawer.note(`${participant}: the key was compared and is accepted`);
    } else {
      this.#say("device", "Their key has changed again. Compare the safety number once more.");
    }
  }

  #state({ state, reason, detail }: StateChange): void {
    this.#drawer.note(`State: ${state}${reason ? ` (${reason})` : ""}`);
    switch (state) {
      case "stalled":
        return this.#say(
          "state",
          reason === "untrusted"
            ? `Nothing is sent while somebody in the call is not trusted. ${detail}`
            : "The service is silent, so nothing is sent: somebody may have been removed unnoticed.",
        );
      case "resyncing":
        return this.#say("state", "Entering the call anew…");
      case "left":
        return this.#end("You left the call", "");
      case "removed":
        return this.#end("You were removed from the call", "");
      case "failed":
        return this.#end("The call is over", detail || reason);
      default:
        this.#say("state", "");
    }
  }

  /**
   * Sets a text of the banner. What is said of the call itself comes first; the problem of a
   * device or codec stays until then, or until the device opens.
   */
  #say(about: About, text: string): void {
    const texts = this.#texts;
    const passing = about === "device" || about === "codec";
    if (text && !passing) texts.device = texts.codec = "";
    texts[about] = text;
    const important = texts.state || texts.link || texts.media;
    show(banner, [important, texts.device, texts.codec].filter(Boolean).join(" "));
  }

  #end(title: string, text: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopSpeakers();
    this.#drawer.close();
    this.#grid.close();
    this.media.close();
    for (const track of Object.values(this.#tracks)) track.stop();
    for (const dialog of Object.values(dialogs)) dialog.close();
    root.hidden = true;
    this.#ended({ title, text, erased: this.#erase() });
  }

  async #erase(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ERASED_AFTER));
    this.#call.close();
  }
}
