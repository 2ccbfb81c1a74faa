// The package without this project's SFU: two pages with a connection of their own between them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launch, PATIENCE, serve, skip, until } from "./harness.mjs";

const options = { skip: skip(), timeout: 400_000 };

let browser;
let server;

before(async () => {
  if (options.skip) return;
  server = await serve();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page of the service's origin that does nothing by itself. */
async function blank() {
  const page = await (await browser.newContext({ permissions: ["camera", "microphone"] })).newPage();
  page.on("pageerror", (error) => console.log(`page: ${error.message}`));
  await page.route("**/blank", (route) =>
    route.fulfill({ contentType: "text/html", body: "<!doctype html><title>blank</title>" }),
  );
  const worker = await readFile(new URL("packetizer.worker.js", import.meta.url));
  await page.route("**/packetizer.worker.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: worker }),
  );
  await page.goto(`${server.origin}/blank`);
  return page;
}

/** Joins a room and makes a connection, as an application of somebody else would. */
function enter(page, room, name) {
  return page.evaluate(
    async ([room, name]) => {
      const { Conference, tabDevice } = await import("/index.js");
      const url = `ws://${location.host}/`;
      const call = await Conference.join({ url, room, name, device: await tabDevice() });
      const connection = new RTCPeerConnection();
      const owners = {};
      connection.ontrack = ({ receiver }) => call.open(receiver);
      call.on("owner", ({ receiver, participant }) => (owners[receiver.track.kind] = participant));
      globalThis.peer = { call, connection, owners };
    },
    [room, name],
  );
}

/** Sends the camera in one codec; the offer. */
function offer(page, mime) {
  return page.evaluate(async (mime) => {
    const { call, connection } = globalThis.peer;
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of media.getTracks()) {
      const { sender } = connection.addTransceiver(track, { direction: "sendonly" });
      call.protect(sender, track.kind === "audio" ? "microphone" : "camera");
    }
    const { codecs } = RTCRtpSender.getCapabilities("video");
    const wanted = codecs.filter(({ mimeType }) => mimeType === mime);
    const [, video] = connection.getTransceivers();
    video.setCodecPreferences(wanted);
    await connection.setLocalDescription();
    await gathered(connection);
    return connection.localDescription.sdp;

    async function gathered(connection) {
      while (connection.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 20));
    }
  }, mime);
}

function answer(page, sdp) {
  return page.evaluate(async (sdp) => {
    const { connection } = globalThis.peer;
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription();
    while (connection.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 20));
    return connection.localDescription.sdp;
  }, sdp);
}

function accept(page, sdp) {
  return page.evaluate((sdp) => globalThis.peer.connection.setRemoteDescription({ type: "answer", sdp }), sdp);
}

/** What the receiving page has decoded, and with whose key. */
function decoded(page) {
  return page.evaluate(async () => {
    const { connection, call, owners } = globalThis.peer;
    const found = { owners, counters: (await call.snapshot()).transforms };
    const stats = await connection.getStats();
    for (const stat of stats.values()) {
      if (stat.type === "inbound-rtp" && stat.kind === "video") {
        found.frames = stat.framesDecoded ?? 0;
        found.codec = stats.get(stat.codecId)?.mimeType;
      }
    }
    return found;
  });
}

for (const mime of ["video/VP8", "video/VP9", "video/H264"]) {
  test(`${mime} is decoded at the other end of a plain peer connection`, options, async () => {
    const [ann, ben] = [await blank(), await blank()];
    const room = mime.replace("/", "-");
    await enter(ann, room, "ann");
    await enter(ben, room, "ben");
    await accept(ann, await answer(ben, await offer(ann, mime)));
    const missing = await until(async () => {
      const now = await decoded(ben);
      return (now.frames ?? 0) > 60 ? undefined : now;
    });
    assert.equal(missing, undefined, JSON.stringify(missing, null, 1));
    const got = await decoded(ben);
    assert.equal(got.codec, mime);
    for (const kind of ["audio", "video"]) assert.match(got.owners[kind] ?? "", /^ann@/, kind);
    await Promise.all([ann, ben].map((page) => page.context().close()));
  });
}

test("20,000 protected H.264 frames of 10 kB come through the packetizer unchanged", options, async () => {
  const FRAMES = 20_000;
  const page = await blank();
  await page.evaluate(async (limit) => {
    const worker = new Worker("/packetizer.worker.js", { type: "module" });
    worker.postMessage({ limit });
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
    from.onicecandidate = ({ candidate }) => to.addIceCandidate(candidate);
    to.onicecandidate = ({ candidate }) => from.addIceCandidate(candidate);
    to.ontrack = ({ receiver }) => {
      receiver.transform = new RTCRtpScriptTransform(worker, { side: "receive" });
    };
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const pen = canvas.getContext("2d");
    setInterval(() => {
      pen.fillStyle = `hsl(${performance.now() % 360} 90% 50%)`;
      pen.fillRect(0, 0, 64, 64);
    }, 16);
    const { codecs } = RTCRtpSender.getCapabilities("video");
    const h264 = codecs.filter(
      ({ mimeType, sdpFmtpLine }) =>
        mimeType === "video/H264" && sdpFmtpLine.includes("packetization-mode=1"),
    );
    for (let stream = 1; stream <= 4; stream += 1) {
      const [track] = canvas.captureStream(60).getTracks();
      const transceiver = from.addTransceiver(track, {
        direction: "sendonly",
        sendEncodings: [{ maxBitrate: 20_000_000, maxFramerate: 60 }],
      });
      transceiver.setCodecPreferences(h264);
      const side = { side: "send", stream };
      transceiver.sender.transform = new RTCRtpScriptTransform(worker, side);
    }
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription);
    await to.setLocalDescription();
    const { sdp } = to.localDescription;
    // Otherwise the pacer starts at 300 kbit/s, and the frames are larger than the encoder knows.
    const fast = sdp.replaceAll(/(a=fmtp:\d+ .*packetization-mode=1.*)/g, "$1;x-google-start-bitrate=60000;x-google-min-bitrate=60000");
    await from.setRemoteDescription({ type: "answer", sdp: fast });
    globalThis.counts = () =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage({});
      });
  }, FRAMES);
  const began = Date.now();
  const missing = await until(async () => {
    const counts = await page.evaluate(() => globalThis.counts());
    return counts.sent >= FRAMES && counts.received >= FRAMES ? undefined : counts;
  }, 5 * PATIENCE);
  const counts = await page.evaluate(() => globalThis.counts());
  console.log(`${JSON.stringify(counts)} in ${((Date.now() - began) / 1_000).toFixed(0)} s`);
  assert.equal(missing, undefined, JSON.stringify(counts));
  assert.equal(counts.changed, 0);
  assert.ok(counts.escaped > 10, `only ${counts.escaped} frames needed escaping`);
  await page.context().close();
});
