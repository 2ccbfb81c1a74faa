// A room with a door: tokens of somebody else's making, a moderator in a page, and everybody who
// stays outside.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { after, before, test } from "node:test";

import { enter, join, launch, receives, serve, skip, until } from "./harness.mjs";

const options = { skip: skip(), timeout: 180_000 };
const folder = mkdtempSync(path(tmpdir(), "mls-srtp-token-"));
const issuer = generateKeyPairSync("ed25519");
const key = path(folder, "issuer.pem");

let browser;
let server;

before(async () => {
  if (options.skip) return;
  writeFileSync(key, issuer.privateKey.export({ type: "pkcs8", format: "pem" }));
  browser = await launch();
  server = await serve(1, ["--token-key", key]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true });
});

/** A token as any backend makes one: node signs it, and knows nothing of us. */
function token(name, rights, jkt) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const head = part({ alg: "EdDSA", typ: "mls-srtp-room+jwt" });
  const claims = part({
    aud: "mls-srtp",
    sub: `${name}@example.org`,
    device: "laptop",
    room: "demo",
    rights,
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
    ...(jkt ? { cnf: { jkt } } : {}),
  });
  const signature = sign(null, Buffer.from(`${head}.${claims}`), issuer.privateKey);
  return `${head}.${claims}.${signature.toString("base64url")}`;
}

/** A page in a context of its own, in the lobby. */
async function lobby() {
  const context = await browser.newContext({ permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  page.logged = [];
  return page;
}

async function invited(page, text) {
  await page.goto(`${server.origin}/page/index.html#token=${text}`);
  // Only what is behind the # has changed, perhaps, and then nothing is loaded anew.
  await page.reload();
  await enter(page);
  return page;
}

const state = (page) => page.evaluate(() => globalThis.mlsSrtp.call.state);

test("without a token nobody comes in, and the page says what to do", options, async () => {
  await assert.rejects(join(browser, server.origin, "eve"), /room token/);
});

test("a token lets in whom it names, whatever is in the form", options, async () => {
  const ann = await invited(await lobby(), token("ann", ["publish", "subscribe"]));
  const participant = await ann.evaluate(() => globalThis.mlsSrtp.call.participant);
  assert.equal(participant, "ann@example.org/laptop");
  assert.equal(await ann.evaluate(() => globalThis.mlsSrtp.call.moderates), false);
  await receives(ann, ["bot1"]);
  await ann.context().close();
});

test("a moderator removes, and locks the room", options, async () => {
  const page = await lobby();
  await page.goto(`${server.origin}/page/index.html`);
  const print = await page.evaluate(async () => {
    const { deviceKey } = await import("/index.js");
    return deviceKey("chair@example.org/laptop");
  });
  assert.match(print, /^[\w-]{43}$/);
  const chair = await invited(page, token("chair", ["publish", "subscribe", "moderate"], print));
  assert.equal(await chair.evaluate(() => globalThis.mlsSrtp.call.moderates), true);

  const bobs = token("bob", ["publish", "subscribe"]);
  const bob = await invited(await lobby(), bobs);
  await bob.evaluate(() => {
    globalThis.kept = globalThis.mlsSrtp.call;
  });
  await chair.evaluate(() => globalThis.mlsSrtp.call.remove("bob@example.org/laptop"));
  const gone = () => bob.evaluate(() => globalThis.kept.state);
  assert.equal(await until(async () => ((await gone()) === "removed" ? undefined : "bob is in")), undefined);
  await assert.rejects(invited(await lobby(), bobs), /removed|another key/);
  await assert.rejects(
    invited(bob, token("bob", ["publish", "subscribe"])),
    /removed this user/,
    "nor with a new token",
  );

  await chair.evaluate(() => globalThis.mlsSrtp.call.setLocked(true));
  const locked = () => chair.evaluate(() => globalThis.mlsSrtp.call.locked);
  assert.equal(await until(async () => ((await locked()) ? undefined : "not locked")), undefined);
  await assert.rejects(invited(await lobby(), token("dan", ["publish"])), /locked/);
  await chair.evaluate(() => globalThis.mlsSrtp.call.setLocked(false));
  assert.equal(await until(async () => ((await locked()) ? "locked" : undefined)), undefined);
  const dan = await invited(await lobby(), token("dan", ["publish", "subscribe"]));
  assert.equal(await state(dan), "joined");
});
