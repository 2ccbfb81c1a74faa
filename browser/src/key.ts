/** The signature key of a device, for whoever makes its room tokens. */

import type { ParticipantId } from "./facts.js";
import type { FromWorker, ToWorker } from "./protocol.js";

/**
 * The thumbprint (RFC 7638) of the key that `user@domain/device` has in this browser; one is made
 * if there is none. A room token that is bound to it (`cnf.jkt`) is checked by the members, too.
 *
 * @throws when the key cannot be kept, or another tab uses it.
 */
export function deviceKey(participant: ParticipantId): Promise<string> {
  const worker = new Worker(new URL("./worker/main.js", import.meta.url), {
    type: "module",
    name: "mls-srtp key",
  });
  const answer = new Promise<string>((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "no worker"));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "failed") reject(new Error(data.reason));
      if (data.kind !== "key") return;
      if (data.thumbprint) resolve(data.thumbprint);
      else reject(new Error("the key cannot be kept, or another tab uses it"));
    };
  });
  const question: ToWorker = { kind: "key", participant };
  worker.postMessage(question);
  return answer.finally(() => worker.terminate());
}
