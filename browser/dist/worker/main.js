/** The worker: owns the keys, the group and the connection to the service. */
import init, { Core } from "../wasm/mls_srtp_browser.js";
import { identityOf } from "./identity.js";
import { Pins } from "./pins.js";
import { Session } from "./session.js";
import { Transforms } from "./transforms.js";
const scope = self;
const post = (message) => scope.postMessage(message);
const transforms = new Transforms(post);
let session;
/** What is kept of us, and what we remember of others. */
let kept = Promise.resolve(undefined);
// Set before anything is awaited: a transform's event comes once.
scope.onrtctransform = ({ transformer }) => {
    const { options, readable, writable } = transformer;
    transforms.pipe(options, readable, writable, transformer);
};
const wasm = new URL("../wasm/mls_srtp_browser_bg.wasm", import.meta.url);
const loaded = init({ module_or_path: wasm }).then(() => true, (error) => {
    post({ kind: "failed", reason: `the key manager could not be loaded: ${error}` });
    return false;
});
scope.onmessage = async ({ data }) => {
    if (data.kind === "encoded_streams") {
        // At once: frames pass through a sender without a transform.
        return transforms.pipe(data.options, data.readable, data.writable, {});
    }
    if (!(await loaded))
        return;
    if (data.kind === "key") {
        const identity = await identityOf(data.participant);
        return post({ kind: "key", thumbprint: identity && Core.thumbprintOf(identity) });
    }
    if (data.kind === "join")
        kept = Promise.all([identityOf(data.participant), Pins.open()]);
    // What follows the join waits behind it.
    const ours = await kept;
    try {
        handle(data, ours);
    }
    catch (error) {
        post({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    }
};
/** The stay is over and no key is left: the page ends the worker. */
function finish() {
    post({ kind: "closed" });
}
function handle(message, ours) {
    switch (message.kind) {
        case "join":
            if (!ours)
                return;
            session = new Session(message.participant, ...ours, message.room, message.token, message.requirePostQuantum, message.issuers, message.url, transforms, post, finish);
            return;
        case "leave":
            return session?.leave();
        case "token":
            return session?.setToken(message.token);
        case "moderate":
            return session?.moderate(message.what);
        case "announce":
            return session?.announce(message.streams);
        case "signal":
            return session?.signal(message.signal);
        case "reconnect":
            return session?.reconnect();
        case "forget":
            return transforms.forget(message.transform);
        case "remember":
            return transforms.remember(message.transform);
        case "code": {
            const code = session?.code(message.participant);
            return post({ kind: "code", id: message.id, code });
        }
        case "compare_code": {
            const comparison = session?.compareCode(message.text, message.participant);
            return post({ kind: "code_comparison", id: message.id, comparison });
        }
        case "accept_key": {
            const accepted = session?.acceptKey(message.participant, message.compared) ?? false;
            return post({ kind: "key_accepted", id: message.id, accepted });
        }
        case "snapshot":
            if (session)
                post({ kind: "snapshot", id: message.id, snapshot: session.snapshot() });
            return;
    }
}
