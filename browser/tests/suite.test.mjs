// A room whose keys are of X25519 and ML-KEM-768, between a page and a native participant; and a
// room that could have them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { join, launch, receives, serve, skip, until } from "./harness.mjs";

const options = { skip: skip(), timeout: 180_000 };
const STRONG = "mls_128_mlkem768x25519_aes128gcm_sha256_ed25519";

let browser;

before(async () => {
  if (!options.skip) browser = await launch();
});

after(async () => {
  await browser?.close();
});

/** What the details of a page say of the cipher suite. */
async function suiteShown(page) {
  await page.click("#details");
  const shown = () => page.$$eval("#facts dt", (terms) => {
    const term = terms.find((one) => one.textContent === "Cipher suite");
    return term?.nextElementSibling?.textContent;
  });
  const missing = await until(async () => ((await shown())?.startsWith("mls_") ? undefined : "no suite"));
  assert.equal(missing, undefined);
  return shown();
}

test("a page and a native participant share a post-quantum room", options, async () => {
  const server = await serve(1, ["--post-quantum"]);
  const ann = await join(browser, server.origin, "ann");
  await receives(ann, ["bot1"]);
  assert.equal(await suiteShown(ann), STRONG);
  await server.stop();
});

test("the details say when all could have a stronger suite", options, async () => {
  const server = await serve(1);
  const ann = await join(browser, server.origin, "ann");
  await receives(ann, ["bot1"]);
  assert.match(await suiteShown(ann), new RegExp(`; all here could do ${STRONG}$`));
  await server.stop();
});
