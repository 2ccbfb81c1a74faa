// The WebAssembly build makes the published bytes, and is small enough to be loaded.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { VectorCode, VectorSender, codecProblem, initSync } from "../dist/wasm/mls_srtp_browser.js";

const wasm = await readFile(new URL("../dist/wasm/mls_srtp_browser_bg.wasm", import.meta.url));
const published = async (name) =>
  JSON.parse(await readFile(new URL(`../../tests/vectors/${name}`, import.meta.url), "utf8"));
const vectors = await published("sframe-v1.json");
const codes = await published("codes-v1.json");

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (array) => Buffer.from(array).toString("hex");
const mime = (codec) => (codec === "opus" ? "audio/opus" : `video/${codec}`);

initSync({ module: wasm });

test("frames are protected as the published vectors say", () => {
  assert.ok(vectors.cases.length >= 6);
  for (const { suite, stream, leaf, epoch, base_key, frames } of vectors.cases) {
    const sender = new VectorSender(suite, bytes(base_key), leaf, epoch);
    assert.ok(frames.length >= 8);
    for (const { name, codec, frame, protected: expected } of frames) {
      const sealed = sender.protect(stream, mime(codec), bytes(frame));
      assert.equal(hex(sealed), expected, `suite ${suite}, stream ${stream}, ${name}`);
    }
    sender.free();
  }
});

test("codes and comparisons are as the published vectors say", () => {
  const groups = codes.groups.map(({ epoch_authenticator }) => VectorCode.group(bytes(epoch_authenticator)));
  const pairs = codes.pairs.map(({ own, own_key, other, other_key }) =>
    VectorCode.pair(own, bytes(own_key), other, bytes(other_key)),
  );
  const expected = [...codes.groups, ...codes.pairs];
  for (const [at, code] of [...groups, ...pairs].entries()) {
    const { digits, qrText, qrSvg } = JSON.parse(code.shown());
    assert.equal(digits, expected[at].digits);
    assert.equal(qrText, expected[at].qr_text);
    assert.match(qrSvg, /<svg/);
  }
  const outcome = (code, text) => JSON.parse(code.compare(text)).outcome;
  assert.ok(codes.comparisons.length >= 14);
  for (const { text, group, pair } of codes.comparisons) {
    assert.equal(outcome(groups[0], text), group, `group code with ${text}`);
    assert.equal(outcome(pairs[0], text), pair, `safety number with ${text}`);
  }
});

test("a codec that cannot be protected is refused with the reason", () => {
  assert.equal(codecProblem("video/VP8"), undefined);
  assert.match(codecProblem("video/AV1"), /AV1/);
  const { suite, base_key, leaf, epoch } = vectors.cases[0];
  const sender = new VectorSender(suite, bytes(base_key), leaf, epoch);
  assert.throws(() => sender.protect(0, "video/AV1", bytes("00")), /AV1/);
});

test("the module stays small", () => {
  const gzip = gzipSync(wasm, { level: 9 }).length;
  console.log(`wasm: ${wasm.length} bytes, ${gzip} with gzip`);
  assert.ok(wasm.length <= 1_420_000, `${wasm.length} bytes`);
  assert.ok(gzip <= 560_000, `${gzip} bytes with gzip`);
});
