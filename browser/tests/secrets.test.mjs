// What leaves the worker, and what comes of a receiver without the right keys.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { join, launch, receives, received, serve, skip } from "./harness.mjs";

const options = { skip: skip(), timeout: 300_000 };

let browser;
let server;

before(async () => {
  if (options.skip) return;
  server = await serve(1);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Keeps everything that any worker says to the page. */
function recordWorkers() {
  globalThis.heard = [];
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => globalThis.heard.push(data));
    }
  };
}

test("no key leaves the worker", options, async () => {
  const page = await join(browser, server.origin, "ann", { init: recordWorkers });
  await receives(page, ["bot1"]);
  await page.evaluate(() => globalThis.mlsSrtp.call.snapshot());
  const { count, binary, texts, storage, stored, url } = await page.evaluate(async () => {
    const texts = [];
    let binary = 0;
    const isBytes = (value) =>
      Array.isArray(value) && value.length >= 16 && value.every((one) => one >= 0 && one < 256);
    const walk = (value, key) => {
      if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) binary += 1;
      else if (isBytes(value)) binary += 1;
      else if (value && typeof value === "object") {
        for (const [name, inner] of Object.entries(value)) walk(inner, name);
      } else if (typeof value === "string" && key !== "sdp") texts.push([key, value]);
    };
    for (const message of globalThis.heard) walk(message, "");
    return {
      count: globalThis.heard.length,
      binary,
      texts,
      storage: [...Object.entries(sessionStorage), ...Object.entries(localStorage)],
      stored: await entries(),
      url: location.href,
    };

    /** What is in the package's database. */
    async function entries() {
      const done = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const names = (await indexedDB.databases()).map(({ name }) => name);
      if (names.join() !== "mls-srtp") throw new Error(`databases: ${names}`);
      const database = await done(indexedDB.open("mls-srtp"));
      const values = await done(database.transaction("identities").objectStore("identities").getAll());
      const isKey = (value) => value instanceof CryptoKey;
      return {
        keys: values.filter(isKey).map(({ algorithm, extractable }) => ({
          algorithm: algorithm.name,
          extractable,
        })),
        sealed: values
          .filter((value) => !isKey(value))
          .map(({ sealed }) => new TextDecoder("latin1").decode(sealed)),
      };
    }
  });
  assert.ok(count > 10, `${count} messages were heard`);
  assert.equal(binary, 0, "bytes in a message");
  // Hex or base64 of 16 bytes and more; the group's public name is the one exception.
  const keyLike = /[0-9a-f]{32}|[A-Za-z0-9+/_-]{22,}={0,2}/i;
  const names = /[\w.+-]+@[\w.-]+\/[\w.-]+/g;
  // What a fact is called, and a cipher suite, are long words as well.
  const words = { type: /^[a-z_]+$/, suite: /^mls_128_[a-z0-9]+_aes128gcm_sha256_ed25519$/ };
  const suspects = texts.filter(
    ([key, text]) =>
      key !== "group" && !words[key]?.test(text) && keyLike.test(text.replace(names, "")),
  );
  assert.deepEqual(suspects, []);
  assert.deepEqual(storage.map(([key]) => key).sort(), ["mls-srtp.device", "mls-srtp.devices"]);
  for (const [, value] of storage) assert.ok(!keyLike.test(value), value);
  // What is kept of the signature key is sealed with a key that no script can read.
  assert.deepEqual(stored.keys, [{ algorithm: "AES-GCM", extractable: false }]);
  // Beside it are, sealed as well, the keys of others.
  assert.equal(stored.sealed.length, 2);
  for (const sealed of stored.sealed) {
    assert.ok(sealed.length > 100);
    assert.doesNotMatch(sealed, /private|public|signer|participant|signature_key/);
  }
  assert.equal(url, `${server.origin}/page/?room=demo&name=ann`);
  assert.deepEqual(
    page.logged.filter((line) => keyLike.test(line)),
    [],
  );
  await page.context().close();
});

test("a receiver without the room's keys decodes nothing", options, async () => {
  const ann = await join(browser, server.origin, "ann");
  const spy = await join(browser, server.origin, "spy", { room: "elsewhere" });
  await receives(ann, ["bot1"]);
  // The media of room `demo`, the keys of another room.
  await spy.evaluate(async () => {
    const [{ Conference }, { SfuConnection }] = await Promise.all([
      import("/index.js"),
      import("/sfu.js"),
    ]);
    const url = `ws://${location.host}/`;
    const inside = await Conference.join({ url, room: "demo", name: "mole", device: "x", sources: [] });
    const outside = globalThis.mlsSrtp.call;
    inside.open = (receiver) => outside.open(receiver);
    globalThis.mlsSrtp.media.close();
    globalThis.mlsSrtp = { call: outside, media: new SfuConnection(inside) };
  });
  for (let seconds = 0; seconds < 10; seconds += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const got = await received(spy);
  assert.ok(
    got.some(({ packets }) => packets > 50),
    `packets came: ${JSON.stringify(got)}`,
  );
  assert.ok(
    got.every(({ decoded, owner, heard }) => decoded === 0 && !owner && !heard),
    JSON.stringify(got),
  );
});
