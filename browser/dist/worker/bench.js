/** Times what the worker does with a frame, with the cipher that it does it with. */
import init, { VectorSender } from "../wasm/mls_srtp_browser.js";
/** What is timed at once, so that the clock's resolution does not matter. */
const BATCH = 10;
const BATCHES = 200;
const FRAME_BYTES = 10_000;
const SUITES = [
    { suite: 4, name: "AES-128-GCM", keyBytes: 16 },
    { suite: 5, name: "AES-256-GCM", keyBytes: 32 },
];
const frame = crypto.getRandomValues(new Uint8Array(FRAME_BYTES));
// A delta frame of VP8, and a slice of H.264.
const frames = {
    "video/VP8": Uint8Array.from(frame, (byte, at) => (at === 0 ? 0x11 : byte)),
    "video/H264": Uint8Array.from(frame, (byte, at) => [0, 0, 0, 1, 0x41, 0x9a][at] ?? byte),
};
async function time(what, once) {
    const times = [];
    for (let batch = -BATCHES / 10; batch < BATCHES; batch += 1) {
        const start = performance.now();
        for (let count = 0; count < BATCH; count += 1)
            await once();
        // The first ones warm up.
        if (batch >= 0)
            times.push(((performance.now() - start) * 1_000) / BATCH);
    }
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.floor(times.length * share)] ?? NaN;
    return { what, median: at(0.5), p95: at(0.95) };
}
async function run() {
    await init({ module_or_path: new URL("../wasm/mls_srtp_browser_bg.wasm", import.meta.url) });
    const timings = [];
    for (const { suite, name, keyBytes } of SUITES) {
        const key = crypto.getRandomValues(new Uint8Array(keyBytes));
        const sender = new VectorSender(suite, key, 0, 0);
        for (const [mime, plain] of Object.entries(frames)) {
            timings.push(await time(`${name}, ${mime}, WebAssembly`, () => sender.protect(1, mime, plain)));
        }
        sender.free();
        const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
        const iv = new Uint8Array(12);
        const seal = () => crypto.subtle.encrypt({ name: "AES-GCM", iv }, imported, frame);
        timings.push(await time(`${name}, cipher alone, WebCrypto`, seal));
    }
    return timings;
}
run().then((timings) => postMessage({ timings }), (error) => postMessage({ error: String(error) }));
