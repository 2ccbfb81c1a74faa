// The benchmark page works. Its numbers are printed and judged by people: a test does not time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { launch, PATIENCE, serve, skip } from "./harness.mjs";

test("the benchmark page times both suites", { skip: skip(), timeout: 120_000 }, async () => {
  const server = await serve();
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/page/bench.html`);
    await page.waitForSelector("html[data-done]", { timeout: PATIENCE });
    const rows = await page.$$eval("#timings tr", (rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
    for (const [what, median, p95] of rows) console.log(`${what}: median ${median} µs, 95 % ${p95} µs`);
    assert.equal(rows.length, 6);
    assert.ok(rows.every(([, median]) => Number(median) > 0));
  } finally {
    await browser.close();
    await server.stop();
  }
});
