// The lines between the process and whoever starts it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PEER = fileURLToPath(new URL("peer.mjs", import.meta.url));
const OPEN = {
  id: 1,
  op: "open",
  identity: "alice@example.org/phone",
  extensions: [0xf4d5],
  credentials: [1, 2, 0xf4d6],
};

function answersTo(...requests) {
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join("");
  const { stdout, status } = spawnSync(process.execPath, [PEER], { input, encoding: "utf8" });
  assert.equal(status, 0);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("every request has one answer, in order, with its number", () => {
  const answers = answersTo(OPEN, { id: 7, op: "key_package" }, { id: 8, op: "discard_commit" });
  assert.deepEqual(
    answers.map(({ id }) => id),
    [1, 7, 8],
  );
  const [key, keyPackage, nothing] = answers.map(({ ok }) => ok);
  assert.equal(Buffer.from(key, "base64").length, 32);
  assert.ok(Buffer.from(keyPackage, "base64").includes("alice@example.org/phone"));
  assert.equal(nothing, null);
});

test("a refusal is words, and the next request is answered", () => {
  const [, refused, unknown, bytes, created] = answersTo(
    OPEN,
    { id: 2, op: "view" },
    { id: 3, op: "dance" },
    { id: 4, op: "join", welcome: "AAEAAwAB", tree: "" },
    { id: 5, op: "create", group_id: "AAAA", extensions: [] },
  );
  assert.match(refused.error, /in no group/);
  assert.match(unknown.error, /dance/);
  assert.match(bytes.error, /CodecError/);
  assert.ok(created.ok.group_info);
});

test("the leaf lists the numbers that it was given", () => {
  const [, { ok }] = answersTo(OPEN, { id: 2, op: "create", group_id: "AAAA", extensions: [] });
  // Capabilities (RFC 9420 §7.2): versions, cipher suites, extensions, proposals, credentials.
  const listed = Buffer.from("02000102000102f4d500060001" + "0002f4d6", "hex");
  assert.ok(Buffer.from(ok.tree, "base64").includes(listed));
});
