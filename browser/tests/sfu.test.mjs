// The connection to this project's SFU, with a stand-in for the SFU and its signaling.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, PATIENCE, serve, skip } from "./harness.mjs";

const options = { skip: skip(), timeout: 120_000 };

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

/** A page on which `sfu` answers what `media`, an `SfuConnection`, offers. */
async function standIn() {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.log(`page: ${error.message}`));
  await page.route("**/blank", (route) =>
    route.fulfill({ contentType: "text/html", body: "<!doctype html><title>blank</title>" }),
  );
  await page.goto(`${server.origin}/blank`);
  await page.evaluate(async (patience) => {
    const { SfuConnection } = await import("/sfu.js");
    const handlers = {};
    const offers = [];
    const call = {
      mediaReady: true,
      on(type, handler) {
        handlers[type] = handler;
        return () => {};
      },
      signal: ({ signal, sdp }) => signal === "offer" && offers.push(sdp),
      announce() {},
      protect() {},
      open() {},
      forget() {},
    };
    const until = async (holds) => {
      const end = Date.now() + patience;
      while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      return holds();
    };
    /** The answer of a peer of its own. */
    const answer = async (sdp) => {
      const peer = new RTCPeerConnection();
      await peer.setRemoteDescription({ type: "offer", sdp });
      await peer.setLocalDescription();
      await until(() => peer.iceGatheringState === "complete");
      return { signal: "answer", sdp: peer.localDescription.sdp };
    };
    const connect = () => new SfuConnection(call);
    globalThis.sfu = { connect, answer, offers, until, say: (signal) => handlers.signal(signal) };
  }, PATIENCE);
  return page;
}

test("what the SFU says to an earlier offer is not taken", options, async () => {
  const page = await standIn();
  const came = await page.evaluate(async () => {
    const { connect, answer, offers, until, say } = globalThis.sfu;
    const earlier = connect();
    await until(() => offers.length === 1);
    earlier.close();
    const late = await answer(offers[0]);
    const media = connect();
    const lost = [];
    media.on("state", ({ connected, reason }) => connected || lost.push(reason));
    // The next offer is being made.
    say(late);
    say({ signal: "failed", code: "ssrc_taken", detail: "of the earlier offer" });
    await until(() => offers.length === 2);
    say(await answer(offers[1]));
    const connected = await until(() => media.connected);
    media.close();
    return { connected, offers: offers.length, lost };
  });
  assert.deepEqual(came, { connected: true, offers: 2, lost: [] });
  await page.context().close();
});

test("an answer to an earlier offer that cannot be told from ours is soon made good", options, async () => {
  const page = await standIn();
  const came = await page.evaluate(async () => {
    const { connect, answer, offers, until, say } = globalThis.sfu;
    const earlier = connect();
    await until(() => offers.length === 1);
    earlier.close();
    const media = connect();
    const lost = [];
    media.on("state", ({ connected, reason }) => connected || lost.push(reason));
    await until(() => offers.length === 2);
    say(await answer(offers[0]));
    say(await answer(offers[1]));
    await until(() => offers.length === 3);
    say(await answer(offers[2]));
    const connected = await until(() => media.connected);
    media.close();
    return { connected, offers: offers.length, lost };
  });
  const lost = ["the SFU's first answer was to an offer before ours"];
  assert.deepEqual(came, { connected: true, offers: 3, lost });
  await page.context().close();
});
