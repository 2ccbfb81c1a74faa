import { Emitter } from "./emitter.js";
import {
  STREAM_NUMBER,
  type GroupFact,
  type MediaFact,
  type MediaSignal,
  type Member,
  type ParticipantId,
  type Source,
  type Trouble,
} from "./facts.js";
import type { FromWorker, MediaKind, Owner, ToWorker, TransformOptions, WorkerSnapshot } from "./protocol.js";
import { hasScriptTransform, LACK_IN_WORDS, lacks } from "./support.js";

/** What to join, and as whom. */
export interface JoinOptions {
  /** The delivery service, `wss://host/` or `ws://host:port/`. */
  readonly url: string;
  /** The room: 1 to 64 letters, digits and `-_.+`. */
  readonly room: string;
  /** The user, `name` or `name@domain`; each part as the room. */
  readonly name: string;
  /** Which of the user's devices this is; see {@link tabDevice}. */
  readonly device: string;
  /** Proof of admission where the service asks for one. It goes to the service only. */
  readonly token?: string;
  /** What we send, announced to every member. Default: microphone and camera. */
  readonly sources?: readonly Source[];
}

/** Where the stay stands. */
export type CallState =
  /** On the way in. */
  | "connecting"
  /** A member of the room's group. */
  | "joined"
  /** The stay broke and is being entered anew, by itself. */
  | "resyncing"
  /** The service said nothing for too long: nothing is sent until it speaks again. */
  | "stalled"
  /** We left, as asked. */
  | "left"
  /** Somebody removed us. */
  | "removed"
  /** It is over and cannot go on by itself. */
  | "failed";

/** A {@link CallState} with its reason. */
export interface StateChange {
  readonly state: CallState;
  /** Why, for the program: empty where the state says it. */
  readonly reason: string;
  /** Why, for a person. */
  readonly detail: string;
}

/** A new epoch of the group. */
export interface EpochChange {
  readonly epoch: number;
  /** Who came with it. */
  readonly added: readonly ParticipantId[];
  /** Who went with it. */
  readonly removed: readonly ParticipantId[];
}

/** How frames of a participant fare. */
export interface ParticipantState {
  readonly participant: ParticipantId;
  readonly trouble: Trouble;
  /** `true` when that trouble is over. */
  readonly resumed: boolean;
}

/** Whose key opens the frames of a receiver: the only name that can be believed. */
export interface ReceiverOwner extends Owner {
  readonly receiver: RTCRtpReceiver;
}

/** The events of a {@link Conference}. */
export interface ConferenceEvents {
  /** Where the stay stands. */
  state: StateChange;
  /** Who is in the current epoch. */
  roster: readonly Member[];
  /** A new epoch, and who came or went with it. */
  epoch: EpochChange;
  /** Sending moved to an epoch. */
  sending: { readonly epoch: number; readonly reason: string };
  /** The digits that people compare; they change with every epoch. */
  code: string;
  /** Frames of a participant are being refused, or are accepted again. */
  participant: ParticipantState;
  /** A receiver's frames are opened with the key of this participant from now on. */
  owner: ReceiverOwner;
  /** What a participant says that it sends. */
  sources: { readonly participant: ParticipantId; readonly sources: readonly Source[] };
  /** The connection to the delivery service was lost or is back. */
  link: { readonly up: boolean; readonly reason: string };
  /** A sender or receiver uses a codec whose frames cannot be protected: nothing passes. */
  codec: { readonly codec: string; readonly reason: string };
  /** Everybody has the keys of our first epoch: media connected now loses nothing. */
  media: void;
  /** Media signaling of the room's SFU; `@mls-srtp/browser/sfu` heeds it. */
  signal: MediaSignal;
}

/** Numbers for a diagnostics view. */
export interface Snapshot extends WorkerSnapshot {
  readonly state: CallState;
  readonly roster: readonly Member[];
  readonly code: string;
}

interface Ends {
  resolve(call: Conference): void;
  reject(error: Error): void;
}

/**
 * A stay in a room whose members encrypt media for each other.
 *
 * Keys, the MLS group and the connection to the delivery service live in a dedicated worker, and
 * no key ever leaves it. Every sender given to {@link protect} sends nothing but ciphertext, and
 * every receiver given to {@link open} yields nothing but what a member's key opened; both fail
 * closed. Any `RTCPeerConnection` and any SFU will do, as long as encoded frames arrive whole.
 *
 * ```ts
 * const call = await Conference.join({ url, room: "standup", name: "ada", device: await tabDevice() });
 * call.on("owner", ({ receiver, participant }) => show(receiver.track, participant));
 * call.protect(connection.addTransceiver(track).sender, "camera");
 * connection.ontrack = ({ receiver }) => call.open(receiver);
 * ```
 */
export class Conference extends Emitter<ConferenceEvents> {
  /** Who we are. */
  readonly participant: ParticipantId;
  #worker: Worker;
  #ends: Ends | undefined;
  #state: CallState = "connecting";
  #roster: readonly Member[] = [];
  #code = "";
  #epoch: number | undefined;
  #sources: readonly Source[];
  #mediaReady = false;
  #receivers = new Map<number, { receiver: RTCRtpReceiver; owner: Owner | undefined }>();
  #transforms = new WeakMap<RTCRtpSender | RTCRtpReceiver, number>();
  #nextTransform = 1;
  #snapshots = new Map<number, (snapshot: WorkerSnapshot) => void>();
  #numbers = new Map<number, (digits: string | undefined) => void>();
  #nextSnapshot = 1;

  /**
   * Enters a room. Resolves when we are a member.
   *
   * @throws when the browser lacks something, the service cannot be reached, or it does not let us
   * in. Losing the service later is mended by itself.
   */
  static join(options: JoinOptions): Promise<Conference> {
    const [lack] = lacks();
    if (lack) return Promise.reject(new Error(LACK_IN_WORDS[lack]));
    return new Promise((resolve, reject) => new Conference(options, { resolve, reject }));
  }

  private constructor(options: JoinOptions, ends: Ends) {
    super();
    const address = options.name.includes("@") ? options.name : `${options.name}@localhost`;
    this.participant = `${address}/${options.device}`;
    this.#ends = ends;
    this.#sources = options.sources ?? ["microphone", "camera"];
    this.#worker = new Worker(new URL("./worker/main.js", import.meta.url), {
      type: "module",
      name: "mls-srtp",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#hear(data);
    this.#worker.onerror = (event) => {
      this.#over("failed", "worker", event.message || "the worker could not be started");
    };
    const { url, room, token } = options;
    this.#tell({ kind: "join", url, room, token, participant: this.participant });
    this.#announce();
  }

  /** Where the stay stands. */
  get state(): CallState {
    return this.#state;
  }

  /** The members of the current epoch. */
  get roster(): readonly Member[] {
    return this.#roster;
  }

  /** Thirty digits in six groups, equal for all who are in this epoch. */
  get code(): string {
    return this.#code;
  }

  /** The current epoch. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** What we announced that we send. */
  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** Whether media that is connected now loses nothing. */
  get mediaReady(): boolean {
    return this.#mediaReady;
  }

  /** Announces what we send. Frames of anything else are refused by all receivers. */
  announce(sources: readonly Source[]): void {
    this.#sources = [...new Set(sources)];
    this.#announce();
  }

  /**
   * Protects every frame of a sender. Call it before the sender sends, and once; the source may
   * be announced later.
   *
   * @throws when the sender has been given here before.
   */
  protect(sender: RTCRtpSender, source: Source): void {
    const media = source === "microphone" ? "audio" : "video";
    const id = this.#register(sender);
    this.#install(sender, { id, side: "send", media, stream: STREAM_NUMBER[source] });
  }

  /**
   * Opens every frame of a receiver. Call it in `ontrack`, and once. Whose frames they are is told
   * by the event `owner`.
   *
   * @throws when the receiver has been given here before.
   */
  open(receiver: RTCRtpReceiver): void {
    const id = this.#register(receiver);
    this.#receivers.set(id, { receiver, owner: undefined });
    const media: MediaKind = receiver.track.kind === "audio" ? "audio" : "video";
    this.#install(receiver, { id, side: "receive", media });
  }

  /** Forgets a sender or receiver whose connection is closed. */
  forget(end: RTCRtpSender | RTCRtpReceiver): void {
    const id = this.#transforms.get(end);
    if (id === undefined) return;
    this.#receivers.delete(id);
    this.#tell({ kind: "forget", transform: id });
  }

  /** Whose key opened a receiver's frames, if any were opened. */
  owner(receiver: RTCRtpReceiver): Owner | undefined {
    const id = this.#transforms.get(receiver);
    return id === undefined ? undefined : this.#receivers.get(id)?.owner;
  }

  /** Sends media signaling to the room's SFU. */
  signal(signal: MediaSignal): void {
    this.#tell({ kind: "signal", signal });
  }

  /** Drops the connection to the delivery service and connects again: when the network changed. */
  reconnect(): void {
    this.#tell({ kind: "reconnect" });
  }

  /** Leaves. The state becomes `left` once the group has gone on without us. */
  leave(): void {
    this.#tell({ kind: "leave" });
  }

  /** Ends the worker at once, and with it every key. Frames do not pass any more. */
  close(): void {
    this.#worker.terminate();
    if (!isOver(this.#state)) this.#over("left", "", "");
  }

  /**
   * Sixty digits in twelve groups to compare with another member, equal for both for as long as
   * both devices keep their keys: they show that somebody is who they were the last time. Nothing
   * if they are no member.
   */
  safetyNumber(participant: ParticipantId): Promise<string | undefined> {
    const id = this.#nextSnapshot++;
    const answer = new Promise<string | undefined>((resolve) => this.#numbers.set(id, resolve));
    this.#tell({ kind: "safety_number", id, participant });
    return answer;
  }

  /** Numbers for a diagnostics view. No answer once the call is closed. */
  async snapshot(): Promise<Snapshot> {
    const id = this.#nextSnapshot++;
    const answer = new Promise<WorkerSnapshot>((resolve) => this.#snapshots.set(id, resolve));
    this.#tell({ kind: "snapshot", id });
    return { ...(await answer), state: this.#state, roster: this.#roster, code: this.#code };
  }

  #tell(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #announce(): void {
    const streams = this.#sources.map((source) => ({ number: STREAM_NUMBER[source], source }));
    this.#tell({ kind: "announce", streams });
  }

  #register(end: RTCRtpSender | RTCRtpReceiver): number {
    if (this.#transforms.has(end)) throw new Error("this sender or receiver has a transform");
    const id = this.#nextTransform++;
    this.#transforms.set(end, id);
    return id;
  }

  #install(end: RTCRtpSender | RTCRtpReceiver, options: TransformOptions): void {
    if (hasScriptTransform()) {
      end.transform = new RTCRtpScriptTransform(this.#worker, options);
      return;
    }
    const { readable, writable } = (end as unknown as EncodedStreamsEnd).createEncodedStreams();
    this.#tell({ kind: "encoded_streams", options, readable, writable }, [readable, writable]);
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case "group":
        return this.#hearGroup(message.fact);
      case "media":
        return this.#hearMedia(message.fact);
      case "streams": {
        const { participant, streams } = message;
        return this.emit("sources", { participant, sources: streams.map((s) => s.source) });
      }
      case "signal":
        return this.emit("signal", message.signal);
      case "link":
        return this.#hearLink(message.up, message.reason);
      case "owner": {
        const entry = this.#receivers.get(message.transform);
        if (!entry) return;
        entry.owner = message.owner;
        return this.emit("owner", { ...message.owner, receiver: entry.receiver });
      }
      case "unsupported_codec":
        return this.emit("codec", { codec: message.codec, reason: message.reason });
      case "snapshot":
        this.#snapshots.get(message.id)?.(message.snapshot);
        this.#snapshots.delete(message.id);
        return;
      case "safety_number":
        this.#numbers.get(message.id)?.(message.digits);
        this.#numbers.delete(message.id);
        return;
      case "failed":
        return this.#over("failed", "internal", message.reason);
    }
  }

  #hearLink(up: boolean, reason: string): void {
    // The first connection decides whether we come in at all.
    if (!up && this.#ends) {
      this.#over("failed", "unreachable", `The service cannot be reached: ${reason}.`);
      return this.#worker.terminate();
    }
    this.emit("link", { up, reason });
  }

  #hearGroup(fact: GroupFact): void {
    switch (fact.type) {
      case "epoch_changed": {
        const { epoch, added, removed, roster, code } = fact;
        this.#epoch = epoch;
        this.#roster = roster;
        this.#code = code;
        if (this.#state !== "stalled") this.#become("joined");
        this.emit("roster", roster);
        this.emit("code", code);
        return this.emit("epoch", { epoch, added, removed });
      }
      case "sending_in":
        return this.emit("sending", { epoch: fact.epoch, reason: fact.reason });
      case "media_ready":
        this.#mediaReady = true;
        return this.emit("media", undefined);
      case "stalled":
        return this.#become("stalled", "service_silent", "The service is silent.");
      case "stall_ended":
        return this.#become("joined");
      case "untrusted":
        return this.#become("stalled", "untrusted", `${fact.participant}: ${fact.reason}`);
      case "trust_restored":
        return this.#become("joined");
      case "resyncing":
        return this.#become("resyncing", fact.reason, fact.detail);
      case "left":
      case "removed":
        return this.#over(fact.type, "", "");
      case "fatal":
        return this.#over("failed", fact.reason, fact.detail);
      default:
        return;
    }
  }

  #hearMedia(fact: MediaFact): void {
    if (fact.type !== "refusing" && fact.type !== "resumed") return;
    const { participant, trouble } = fact;
    this.emit("participant", { participant, trouble, resumed: fact.type === "resumed" });
  }

  #become(state: CallState, reason = "", detail = ""): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "joined") this.#ends?.resolve(this);
    if (state === "joined") this.#ends = undefined;
    this.emit("state", { state, reason, detail });
  }

  #over(state: "left" | "removed" | "failed", reason: string, detail: string): void {
    this.#ends?.reject(new Error(detail || reason || state));
    this.#ends = undefined;
    this.#become(state, reason, detail);
  }
}

/** A sender or receiver of a browser that has no `RTCRtpScriptTransform`. */
interface EncodedStreamsEnd {
  createEncodedStreams(): { readable: ReadableStream; writable: WritableStream };
}

function isOver(state: CallState): boolean {
  return state === "left" || state === "removed" || state === "failed";
}
