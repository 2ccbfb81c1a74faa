// A device that comes back with another key is seen, until its key is compared and accepted.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { enter, join, launch, serve, skip, until } from "./harness.mjs";

const options = { skip: skip(), timeout: 180_000 };

let browser;
let server;
let ann;

before(async () => {
  if (options.skip) return;
  server = await serve();
  browser = await launch();
  ann = await join(browser, server.origin, "ann");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A browser of its own, which has not been here before, as `user`'s device `x`. */
async function fresh(user) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.origin}/page/`);
  await page.evaluate(async (name) => {
    const { Conference } = await import("/index.js");
    const url = `ws://${location.host}/`;
    const wanted = { url, room: "demo", name, device: "x", sources: [] };
    globalThis.call = await Conference.join(wanted);
  }, user);
  return {
    async leave() {
      await page.evaluate(() => globalThis.call.leave());
      await tile(user, false);
      await context.close();
    },
  };
}

/** Waits until Ann sees somebody, or does no more. */
async function tile(user, wanted = true) {
  const there = async () => (await ann.$(`.tile[data-name=${user}]`)) !== null;
  const wrong = await until(async () => ((await there()) === wanted ? undefined : user));
  assert.equal(wrong, undefined, wanted ? "does not come" : "does not go");
}

/** What the tile says about the key, once media could be there. */
async function notice(user) {
  await tile(user);
  await ann.waitForFunction(() => globalThis.mlsSrtp?.call.mediaReady);
  return ann.$eval(`.tile[data-name=${user}]`, (one) => one.querySelector(".notice")?.textContent);
}

async function again() {
  await ann.reload();
  await enter(ann);
}

test("another key is told in every call until it is accepted", options, async () => {
  const first = await fresh("eve");
  assert.equal(await notice("eve"), undefined, "on first use");
  await again();
  assert.equal(await notice("eve"), undefined, "the same key");
  await first.leave();

  const other = await fresh("eve");
  const said = await until(async () => ((await notice("eve")) ? undefined : "no notice"));
  assert.equal(said, undefined);
  await again();
  assert.match(await notice("eve"), /another key/i);
  await ann.click(".tile[data-name=eve] .notice");
  await ann.waitForSelector("#safety-dialog[open]");
  await ann.click("#safety-accept");
  const gone = await until(async () => ((await notice("eve")) ? "the notice" : undefined));
  assert.equal(gone, undefined, "is still there");
  await again();
  assert.equal(await notice("eve"), undefined, "the key was accepted");
  await other.leave();
});
