/** Details: what the keys do, in numbers. */

import type { Conference, SenderCounters, Snapshot } from "../index.js";
import { byId, make } from "./dom.js";

const INTERVAL = 1_000;
const LOG_ENTRIES = 30;

const element = byId("drawer", HTMLElement);
const facts = byId("facts", HTMLElement);
const senders = byId("senders", HTMLDivElement);
const log = byId("log", HTMLElement);
const button = byId("details", HTMLButtonElement);

/** The drawer of one call. */
export class Drawer {
  #timer: ReturnType<typeof setInterval> | undefined;
  #switched = "";

  constructor(
    readonly call: Conference,
    readonly connection: () => RTCPeerConnection | undefined,
  ) {
    log.replaceChildren();
    button.onclick = () => this.toggle(Boolean(element.hidden));
    byId("drawer-close", HTMLButtonElement).onclick = () => this.toggle(false);
  }

  toggle(open: boolean): void {
    element.hidden = !open;
    button.setAttribute("aria-pressed", String(open));
    clearInterval(this.#timer);
    if (!open) return;
    this.#timer = setInterval(() => void this.#paint(), INTERVAL);
    void this.#paint();
  }

  close(): void {
    this.toggle(false);
    button.onclick = null;
  }

  /** Sending moved to an epoch. */
  switched(epoch: number, reason: string): void {
    this.#switched = `to ${epoch} at ${clock()}, ${reason.replace("_", " ")}`;
  }

  /** Something that a person may want to know later. */
  note(text: string): void {
    const entry = make("li");
    entry.append(make("time", "mono", clock()), text);
    log.prepend(entry);
    while (log.childElementCount > LOG_ENTRIES) log.lastElementChild?.remove();
  }

  async #paint(): Promise<void> {
    const [snapshot, hop] = await Promise.all([this.call.snapshot(), this.#hop()]);
    const sending = snapshot.transforms.filter(({ side }) => side === "send");
    list({
      State: snapshot.state,
      Epoch: String(snapshot.epoch ?? "–"),
      "Sending in": String(snapshot.sendingEpoch ?? "–"),
      "Last switch": this.#switched || "–",
      Group: snapshot.group?.slice(0, 8) ?? "–",
      "Frames sent": String(snapshot.protected),
      "Frames not sent": dropsOf(sending) || "0",
      Signaling: snapshot.linkUp ? `up, reconnected ${snapshot.reconnects}×` : "down",
      "Hop to the SFU": hop,
    });
    senders.replaceChildren(table(snapshot));
  }

  /** The cipher of the hop, which comes on top of ours. */
  async #hop(): Promise<string> {
    const connection = this.connection();
    if (!connection) return "not connected";
    for (const stat of (await connection.getStats()).values()) {
      if (stat.type === "transport") return `${connection.connectionState}, ${stat.srtpCipher ?? "–"}`;
    }
    return connection.connectionState;
  }
}

function list(entries: Record<string, string>): void {
  facts.replaceChildren(
    ...Object.entries(entries).flatMap(([term, text]) => [
      make("dt", "", term),
      make("dd", "mono", text),
    ]),
  );
}

function table(snapshot: Snapshot): HTMLElement {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const title of ["From", "Epoch", "Opened", "Late", "Refused"]) head.append(make("th", "", title));
  const body = table.createTBody();
  for (const sender of snapshot.senders) {
    const row = body.insertRow();
    row.insertCell().textContent = sender.participant;
    const heardIn = snapshot.heardIn[sender.participant];
    const lags = heardIn !== undefined && heardIn < (snapshot.epoch ?? 0);
    row.insertCell().textContent = `${heardIn ?? "–"}${lags ? " lags" : ""}`;
    row.insertCell().textContent = String(sender.opened);
    row.insertCell().textContent = String(sender.openedLate);
    const refused = refusals(sender);
    const cell = row.insertCell();
    cell.textContent = String(refused.reduce((sum, [, count]) => sum + count, 0));
    const why = refused.map(([reason, count]) => `${reason} ${count}`).join(", ");
    if (why) cell.append(make("br"), make("small", "", why));
  }
  return table;
}

function refusals(sender: SenderCounters): [string, number][] {
  const all: [string, number][] = [
    ["no key", sender.missingKey],
    ["forged", sender.authFailed],
    ["repeated", sender.replayed],
    ["unannounced", sender.wrongStream],
  ];
  return all.filter(([, count]) => count > 0);
}

function dropsOf(transforms: Snapshot["transforms"]): string {
  const sums = new Map<string, number>();
  for (const { dropped } of transforms) {
    for (const [reason, count] of Object.entries(dropped)) {
      sums.set(reason, (sums.get(reason) ?? 0) + count);
    }
  }
  return [...sums].map(([reason, count]) => `${count} (${reason})`).join(", ");
}

function clock(): string {
  return new Date().toLocaleTimeString([], { hour12: false });
}
