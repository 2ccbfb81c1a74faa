// Replaces every encoded frame by a protected one of 10 kB, and tells whether it comes back as it
// went. Served by the test under the page's own origin.

import init, { VectorSender } from "/wasm/mls_srtp_browser.js";

const FRAME_BYTES = 10_000;
const sender = init({ module_or_path: "/wasm/mls_srtp_browser_bg.wasm" }).then(
  () => new VectorSender(4, new Uint8Array(16).fill(7), 0, 0),
);
const sent = new Map();
const counts = { sent: 0, received: 0, changed: 0, escaped: 0 };
let limit = Infinity;

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hash.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}

/** Whether emulation prevention had something to do. */
function holdsEscape(bytes) {
  for (let at = bytes.indexOf(3); at !== -1; at = bytes.indexOf(3, at + 1)) {
    if (bytes[at - 1] === 0 && bytes[at - 2] === 0) return true;
  }
  return false;
}

self.onmessage = ({ data }) => {
  if (data.limit !== undefined) limit = data.limit;
  postMessage(counts);
};

self.onrtctransform = ({ transformer: { options, readable, writable } }) => {
  const transform = async (frame, controller) => {
    if (options.side === "receive") {
      const key = await digest(frame.data);
      if (sent.delete(key)) counts.received += 1;
      else counts.changed += 1;
      // There is no picture in it: the decoder gets nothing.
      return;
    }
    const protector = await sender;
    if (counts.sent >= limit) return;
    const real = new Uint8Array(frame.data);
    const plain = crypto.getRandomValues(new Uint8Array(Math.max(FRAME_BYTES, real.length)));
    plain.set(real);
    const sealed = protector.protect(options.stream, "video/H264", plain);
    counts.escaped += holdsEscape(sealed) ? 1 : 0;
    counts.sent += 1;
    sent.set(await digest(sealed), true);
    frame.data = sealed.buffer;
    controller.enqueue(frame);
  };
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
};
