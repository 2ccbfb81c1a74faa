/** Shows how long protecting a frame takes in this browser. */
import { byId } from "./dom.js";
const body = byId("timings", HTMLTableSectionElement);
const status = byId("status", HTMLParagraphElement);
const worker = new Worker(new URL("../worker/bench.js", import.meta.url), { type: "module" });
worker.onerror = (event) => (status.textContent = `The worker failed: ${event.message}`);
worker.onmessage = ({ data }) => {
    status.textContent = data.error ?? "Microseconds for one frame of 10,000 bytes, in a worker.";
    for (const { what, median, p95 } of data.timings ?? []) {
        const row = body.insertRow();
        for (const text of [what, median.toFixed(0), p95.toFixed(0)])
            row.insertCell().textContent = text;
    }
    document.documentElement.dataset["done"] = "true";
};
