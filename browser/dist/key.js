/** The signature key of a device, for whoever makes its room tokens. */
/**
 * The thumbprint (RFC 7638) of the key that `user@domain/device` has in this browser; one is made
 * if there is none. A room token that is bound to it (`cnf.jkt`) is checked by the members, too.
 *
 * @throws when the key cannot be kept, or another tab uses it.
 */
export function deviceKey(participant) {
    const worker = new Worker(new URL("./worker/main.js", import.meta.url), {
        type: "module",
        name: "mls-srtp key",
    });
    const answer = new Promise((resolve, reject) => {
        worker.onerror = (event) => reject(new Error(event.message || "no worker"));
        worker.onmessage = ({ data }) => {
            if (data.kind === "failed")
                reject(new Error(data.reason));
            if (data.kind !== "key")
                return;
            if (data.thumbprint)
                resolve(data.thumbprint);
            else
                reject(new Error("the key cannot be kept, or another tab uses it"));
        };
    });
    const question = { kind: "key", participant };
    worker.postMessage(question);
    return answer.finally(() => worker.terminate());
}
