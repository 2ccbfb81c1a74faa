// A real `serve`, a real Chromium, and a connection between them that can be cut.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import net from "node:net";
import { dirname, resolve as path } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const root = path(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.MLS_SRTP_SERVE ?? path(root, "target/debug/sfu-demo");
const browser = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How long anything may take, in milliseconds. Generous: machines that run tests are busy. */
export const PATIENCE = 60_000;

/** Why the tests in Chromium cannot run; nothing if they can. In CI they must. */
export function skip() {
  if (existsSync(browser) || process.env.CI === "true") return false;
  console.log(`\n!!! NO CHROMIUM AT ${browser}: NOTHING IS TESTED IN A BROWSER !!!\n`);
  return "no Chromium";
}

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--auto-select-desktop-capture-source=Entire screen",
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];

/** Starts Chromium. */
export function launch() {
  return chromium.launch({ executablePath: browser, args: ARGS });
}

/** Starts `serve` with bots in room `demo`, and other arguments; `origin` is where the page is. */
export async function serve(bots = 0, more = []) {
  const args = ["serve", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--bots", String(bots), ...more];
  if (!more.includes("--token-key")) args.push("--open");
  // Nothing is written where a user's own files are.
  const env = { ...process.env, MLS_SRTP_STORE: "memory" };
  const child = spawn(binary, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  const port = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`serve ended with ${code}: ${output}`)));
    child.stdout.on("data", (data) => {
      output += data;
      const found = /page http:\/\/127\.0\.0\.1:(\d+)/.exec(output);
      if (found) resolve(Number(found[1]));
    });
  });
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", resolve);
      child.kill("SIGINT");
    });
  return { port, origin: `http://127.0.0.1:${port}`, stop, output: () => output };
}

/** Starts a native participant, which stays until it is stopped. */
export function participant(port, name, room = "demo") {
  const args = ["participant", "--url", `ws://127.0.0.1:${port}`, "--room", room, "--name", name];
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  const stop = () =>
    new Promise((resolve) => {
      child.on("exit", resolve);
      child.kill("SIGINT");
    });
  return { stop, lines: () => output.split("\n") };
}

/** A TCP relay to a port, whose connections can be cut and refused. */
export async function relay(port) {
  const pairs = new Set();
  let open = true;
  const server = net.createServer((client) => {
    if (!open) return client.destroy();
    const upstream = net.connect(port, "127.0.0.1");
    const pair = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client]]) {
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    cut() {
      open = false;
      for (const [client, upstream] of pairs) {
        client.destroy();
        upstream.destroy();
      }
    },
    mend() {
      open = true;
    },
    close: () => server.close(),
  };
}

/** Opens the page in a tab of its own and joins room `demo`. */
export async function join(browser, origin, name, { init, room = "demo" } = {}) {
  const context = await browser.newContext({ permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  page.logged = [];
  page.on("console", (message) => page.logged.push(message.text()));
  page.on("pageerror", (error) => page.logged.push(`error: ${error.message}`));
  if (init) await page.addInitScript(init);
  await page.goto(`${origin}/?room=${room}&name=${name}`);
  await enter(page);
  return page;
}

/** From the lobby into the call. */
export async function enter(page) {
  await page.waitForFunction(() => document.querySelector("#preview")?.srcObject, null, {
    timeout: PATIENCE,
  });
  await page.click("#enter");
  await page.waitForFunction(() => globalThis.mlsSrtp || document.querySelector("#lobby-error:not([hidden])"), null, {
    timeout: PATIENCE,
  });
  const error = await page.textContent("#lobby-error");
  if (error) throw new Error(`${error}\n${page.logged.join("\n")}`);
}

/** What a page receives: for each owner and kind, frames decoded or samples heard. */
export function received(page) {
  return page.evaluate(async () => {
    const { call, media } = globalThis.mlsSrtp;
    const connection = media.connection;
    if (!connection) return [];
    const owners = new Map(
      connection.getReceivers().map((receiver) => [receiver.track.id, call.owner(receiver)]),
    );
    const found = [];
    for (const stat of (await connection.getStats()).values()) {
      if (stat.type !== "inbound-rtp") continue;
      found.push({
        kind: stat.kind,
        owner: owners.get(stat.trackIdentifier)?.participant.split("@")[0],
        packets: stat.packetsReceived,
        decoded: stat.framesDecoded ?? 0,
        heard: (stat.totalAudioEnergy ?? 0) > 0,
      });
    }
    return found;
  });
}

/** Waits until a page decodes pictures and hears sound of each of these people. */
export async function receives(page, people) {
  const missing = await until(async () => {
    const now = await received(page);
    const lacks = people.flatMap((who) => {
      const of = now.filter(({ owner }) => owner === who);
      const sees = of.some(({ kind, decoded }) => kind === "video" && decoded > 5);
      const hears = of.some(({ kind, heard }) => kind === "audio" && heard);
      return [sees ? [] : `picture of ${who}`, hears ? [] : `sound of ${who}`].flat();
    });
    return lacks.length === 0 ? undefined : lacks;
  });
  if (missing) {
    const state = { missing, received: await received(page), snapshot: await snapshot(page) };
    throw new Error(`${JSON.stringify(state, null, 1)}\n${page.logged.join("\n")}`);
  }
}

/** The worker's numbers. */
export function snapshot(page) {
  return page.evaluate(() => globalThis.mlsSrtp.call.snapshot());
}

/** Frames that a page refused, whatever the reason. */
export async function refused(page) {
  const { senders, malformed, unknownEpoch, unknownLeaf, missingKey } = await snapshot(page);
  const of = (s) => s.authFailed + s.missingKey + s.replayed + s.wrongStream;
  return senders.reduce((sum, s) => sum + of(s), 0) + malformed + unknownEpoch + unknownLeaf + missingKey;
}

/** The verification code that a page shows. */
export function code(page) {
  return page.evaluate(() => globalThis.mlsSrtp.call.code);
}

/** Asks until nothing is missing; what still is after the patience ends. */
export async function until(missing, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const what = await missing();
    if (what === undefined || Date.now() > end) return what;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Begins to measure the pauses between shown frames of every tile of a page. */
export function watchPauses(page) {
  return page.evaluate(() => {
    const longest = (globalThis.longestPause = {});
    for (const tile of document.querySelectorAll(".tile:not(.self)")) {
      const { name } = tile.dataset;
      const video = tile.querySelector("video");
      let last = performance.now();
      const shown = () => {
        const now = performance.now();
        longest[name] = Math.max(longest[name] ?? 0, now - last);
        last = now;
        video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
    }
  });
}

/** The longest pauses so far, in milliseconds, by name. */
export function pauses(page) {
  return page.evaluate(() => globalThis.longestPause);
}

/** A few pixels of a person's picture. */
export function pixels(page, name) {
  return page.evaluate((who) => {
    const video = document.querySelector(`.tile[data-name="${who}"]:not(.screen) video`);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 32;
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 32, 32);
    return [...context.getImageData(0, 0, 32, 32).data].filter((_, at) => at % 4 < 3);
  }, name);
}
