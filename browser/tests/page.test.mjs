// What people do on the page: share a screen, mute, press keys, read messages.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import decodeQR from "qr/decode.js";

import { join, launch, receives, serve, skip, until } from "./harness.mjs";

const options = { skip: skip(), timeout: 180_000 };

let browser;
let server;
let ann;
let ben;

before(async () => {
  if (options.skip) return;
  server = await serve();
  browser = await launch();
  ann = await join(browser, server.origin, "ann");
  ben = await join(browser, server.origin, "ben");
  await receives(ben, ["ann"]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until a page has an element, or has it no more. */
async function shows(page, selector, wanted = true) {
  const wrong = await until(async () => ((await page.$(selector)) !== null) === wanted ? undefined : selector);
  assert.equal(wrong, undefined, `${wanted ? "missing" : "still there"}`);
}

test("a screen is shared, taken back, and shared again", options, async () => {
  const screen = ".tile.screen[data-name=ann]";
  for (let round = 1; round <= 2; round += 1) {
    await ann.click("#screen");
    await shows(ben, screen);
    const black = await until(() =>
      ben.evaluate((s) => (document.querySelector(`${s} video`)?.videoWidth ? undefined : "no picture"), screen),
    );
    assert.equal(black, undefined, `round ${round}`);
    await ann.click("#screen");
    await shows(ben, screen, false);
  }
});

test("who switches microphone and camera off is seen to have done so", options, async () => {
  const label = () => ben.textContent(".tile[data-name=ann] .label");
  await ann.click("#mic");
  await ann.click("#camera");
  await shows(ben, ".tile.dark[data-name=ann]");
  assert.match(await label(), /muted/);
  await ann.click("#mic");
  await ann.click("#camera");
  await shows(ben, ".tile[data-name=ann]:not(.dark)");
  assert.doesNotMatch(await label(), /muted/);
});

test("the details open and close with keys, and a name shows the safety number", options, async () => {
  await ann.focus("#details");
  await ann.keyboard.press("Enter");
  await shows(ann, "#drawer:not([hidden])");
  await ann.keyboard.press("Escape");
  await shows(ann, "#drawer[hidden]");
  assert.equal(await ann.evaluate(() => document.activeElement?.id), "details");
  await ann.focus(".tile[data-name=ben] .label");
  await ann.keyboard.press("Enter");
  await shows(ann, "#safety-dialog[open]");
  const digits = await ann.$$eval("#safety span", (groups) => groups.map((group) => group.textContent));
  assert.equal(digits.length, 12);
  await ann.keyboard.press("Escape");
});

/** Reads a picture as it is on the page, with somebody else's reader. */
async function scan(page, selector) {
  const { grey, width, height } = await page.evaluate(async (selector) => {
    const picture = document.querySelector(selector);
    await picture.decode();
    const canvas = document.createElement("canvas");
    const width = (canvas.width = picture.naturalWidth);
    const height = (canvas.height = picture.naturalHeight);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { grey: data.filter((_, at) => at % 4 === 0).join(), width, height };
  }, selector);
  const data = Uint8Array.from(grey.split(",").flatMap((level) => [level, level, level]));
  return decodeQR({ data, width, height }, { timeLimit: 5_000 });
}

/** Pastes a text and waits for what it comes to. */
async function compare(page, prefix, text) {
  await page.fill(`#${prefix}-text`, "");
  await shows(page, `#${prefix}-outcome[hidden]`);
  await page.fill(`#${prefix}-text`, text);
  await shows(page, `#${prefix}-outcome:not([hidden])`);
  return page.getAttribute(`#${prefix}-outcome`, "data-outcome");
}

test("codes are scanned from one page and compared on the other", options, async () => {
  await ann.click("#code-open");
  await ben.click("#code-open");
  await shows(ann, "#code-dialog[open]");
  const group = await scan(ann, "#code-picture");
  assert.match(group, /^MLS-SRTP:1:GROUP:[0-9A-F]{64}$/);
  assert.equal(await scan(ben, "#code-picture"), group);
  assert.equal(await compare(ben, "code", group), "match");
  assert.equal(await compare(ben, "code", group.replace(/.{4}$/, "0000")), "differs");
  assert.equal(await compare(ben, "code", group.replace(":1:", ":2:")), "version");
  assert.match(await ben.textContent("#code-outcome"), /version 2/);
  for (const page of [ann, ben]) {
    await page.keyboard.press("Escape");
    await shows(page, "#code-dialog:not([open])");
  }

  await ann.click(".tile[data-name=ben] .label");
  await ben.click(".tile[data-name=ann] .label");
  await shows(ann, "#safety-dialog[open]");
  await shows(ben, "#safety-dialog[open]");
  const [of_ann, of_ben] = [await scan(ann, "#safety-picture"), await scan(ben, "#safety-picture")];
  assert.equal(await ann.textContent("#safety"), await ben.textContent("#safety"));
  assert.equal(await compare(ben, "safety", of_ann), "match");
  assert.equal(await compare(ann, "safety", of_ben), "match");
  assert.equal(await compare(ann, "safety", of_ann), "own");
  assert.equal(await compare(ann, "safety", group), "kind");
  assert.equal(await compare(ann, "safety", "12345 67890"), "malformed");
  await ann.keyboard.press("Enter");
  await shows(ann, "#safety-dialog[open]");
  for (const page of [ann, ben]) await page.keyboard.press("Escape");
});

test("without a camera, and with a name that cannot be, the lobby says what to do", options, async () => {
  const context = await browser.newContext({ permissions: [] });
  const page = await context.newPage();
  page.logged = [];
  // As a browser whose user said no.
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("denied", "NotAllowedError"));
  });
  await page.goto(`${server.origin}/?room=demo&name=cid`);
  await shows(page, "#lobby-media:not([hidden])");
  assert.match(await page.textContent("#lobby-media"), /allow|permission|blocked/i);
  await page.fill("#name", "Анна");
  await page.click("#enter");
  await shows(page, "#lobby-error:not([hidden])");
  await page.fill("#name", "cid");
  await page.click("#enter");
  await shows(page, "#call:not([hidden])");
  await receives(page, ["ann", "ben"]);
  await context.close();
});
