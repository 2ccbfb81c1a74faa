/** The tiles of the call. */
import { byId, make } from "./dom.js";
import { Tile } from "./tile.js";
const element = byId("grid", HTMLElement);
const soundsElement = byId("sounds", HTMLDivElement);
/** Shows who is in the call. Names come from rosters and keys, never from SDP. */
export class Grid {
    onname;
    #people = new Map();
    #resize = new ResizeObserver(() => this.#arrange());
    /** `onname` is called when somebody wants to know more of a participant. */
    constructor(onname) {
        this.onname = onname;
        this.#resize.observe(element);
    }
    close() {
        this.#resize.disconnect();
        for (const participant of [...this.#people.keys()])
            this.remove(participant);
    }
    add(participant, self) {
        if (this.#people.has(participant))
            return;
        const [user = participant, domain = "", device = ""] = participant.split(/[@/]/);
        const more = self ? {} : { onname: () => this.onname(participant) };
        const tile = new Tile(user, { self, screen: false, ...more });
        this.#people.set(participant, {
            user,
            domain,
            device,
            self,
            tile,
            screen: undefined,
            screenTrack: undefined,
            sources: [],
            sounds: new Map(),
        });
        // Ourselves last: the others are what one looks at.
        if (self)
            element.append(tile.element);
        else
            element.prepend(tile.element);
        this.#name();
        this.#arrange();
    }
    remove(participant) {
        const person = this.#people.get(participant);
        if (!person)
            return;
        person.tile.element.remove();
        person.screen?.element.remove();
        for (const sound of person.sounds.values())
            sound.remove();
        this.#people.delete(participant);
        this.#name();
        this.#arrange();
    }
    keep(participants) {
        for (const participant of [...this.#people.keys()]) {
            if (!participants.has(participant))
                this.remove(participant);
        }
    }
    /** What a participant says that it sends. */
    announced(participant, sources) {
        const person = this.#people.get(participant);
        if (!person)
            return;
        person.sources = sources;
        person.tile.muted = !sources.includes("microphone");
        person.tile.lit = sources.includes("camera");
        if (!sources.includes("screen"))
            this.#dropScreen(person);
        else if (person.screenTrack)
            this.#showScreen(person, person.screenTrack);
    }
    /** Our own picture. */
    own(participant, source, track) {
        const person = this.#people.get(participant);
        if (!person)
            return;
        if (source === "camera") {
            person.tile.track = track;
            person.tile.lit = track !== undefined;
        }
        else if (track) {
            this.#screen(person).track = track;
        }
        else {
            this.#dropScreen(person);
        }
    }
    /** A receiver's frames are opened with somebody's key. */
    attach({ receiver, participant, stream }) {
        this.detach(receiver);
        const person = this.#people.get(participant);
        if (!person)
            return;
        person.tile.locked = true;
        if (receiver.track.kind === "audio") {
            const sound = make("audio");
            sound.autoplay = true;
            sound.srcObject = new MediaStream([receiver.track]);
            soundsElement.append(sound);
            sound.play().catch(() => { });
            person.sounds.set(receiver, sound);
        }
        else if (stream === SCREEN) {
            person.screenTrack = receiver.track;
            this.#showScreen(person, receiver.track);
        }
        else {
            person.tile.track = receiver.track;
            if (person.sources.length === 0)
                person.tile.lit = true;
        }
    }
    /** A receiver has ended, or is somebody else's now. */
    detach(receiver) {
        for (const person of this.#people.values()) {
            person.sounds.get(receiver)?.remove();
            person.sounds.delete(receiver);
            if (person.screenTrack === receiver.track)
                person.screenTrack = undefined;
            for (const tile of [person.tile, person.screen]) {
                const stream = tile?.video.srcObject;
                if (tile && stream?.getVideoTracks()[0] === receiver.track)
                    tile.track = undefined;
            }
        }
    }
    trouble(participant, trouble, over) {
        this.#people.get(participant)?.tile.trouble(trouble, over);
    }
    /** Something about a participant that a person should look at, or nothing any more. */
    notice(participant, text) {
        this.#people.get(participant)?.tile.notice(text, () => this.onname(participant));
    }
    /** Who is heard at the moment. */
    speaking(participants) {
        for (const [participant, person] of this.#people) {
            person.tile.speaking = participants.has(participant);
        }
    }
    /** Somebody's screen, which a key of theirs has opened. */
    #showScreen(person, track) {
        const tile = this.#screen(person);
        tile.track = track;
        tile.locked = true;
    }
    #screen(person) {
        if (!person.screen) {
            person.screen = new Tile(person.user, { self: person.self, screen: true });
            person.screen.lit = true;
            element.prepend(person.screen.element);
            this.#name();
            this.#arrange();
        }
        return person.screen;
    }
    #dropScreen(person) {
        person.screen?.element.remove();
        person.screen = undefined;
        this.#arrange();
    }
    /**
     * Names are as short as they can be: with the domain of who is not of ours, and with the device
     * where two would read the same.
     */
    #name() {
        const people = [...this.#people.values()];
        const home = people.find(({ self }) => self)?.domain;
        const short = ({ user, domain }) => (domain === home ? user : `${user}@${domain}`);
        const count = new Map();
        for (const name of people.map(short))
            count.set(name, (count.get(name) ?? 0) + 1);
        for (const person of people) {
            const name = short(person);
            const title = count.get(name) === 1 ? name : `${name} · ${person.device}`;
            person.tile.title = title;
            if (person.screen)
                person.screen.title = title;
        }
    }
    /** As many columns as make the tiles largest. */
    #arrange() {
        const count = Math.max(element.childElementCount, 1);
        const { clientWidth: width, clientHeight: height } = element;
        let best = { columns: 1, size: 0 };
        for (let columns = 1; columns <= count; columns += 1) {
            const rows = Math.ceil(count / columns);
            const size = Math.min(width / columns / 16, height / rows / 9);
            if (size > best.size)
                best = { columns, size };
        }
        element.style.setProperty("--columns", String(best.columns));
    }
}
/** The number of the screen's stream. */
const SCREEN = 3;
