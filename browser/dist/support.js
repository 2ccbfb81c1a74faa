/** What a browser must be able to do. */
/** Why a browser that lacks it cannot take part, for a person. */
export const LACK_IN_WORDS = {
    secure_context: "The page must be opened over https, or on localhost.",
    peer_connection: "This browser has no WebRTC.",
    encoded_transform: "This browser cannot encrypt media itself (no encoded transforms). Use a current Chrome, Edge, Firefox or Safari.",
    wasm: "This browser does not run WebAssembly.",
    worker: "This browser has no workers.",
};
/** Whether frames go through `RTCRtpScriptTransform`; otherwise `createEncodedStreams` is used. */
export function hasScriptTransform() {
    return "RTCRtpScriptTransform" in globalThis;
}
/**
 * The configuration of a connection whose senders and receivers are given to a conference: without
 * `RTCRtpScriptTransform`, encoded frames are to be had only where that was asked for at once.
 */
export function connectionConfig(config = {}) {
    if (hasScriptTransform())
        return config;
    const insertable = { ...config, encodedInsertableStreams: true };
    return insertable;
}
/** Everything that this browser lacks; empty if it can take part. */
export function lacks() {
    const senders = globalThis.RTCRtpSender?.prototype;
    const transforms = hasScriptTransform() || (senders !== undefined && "createEncodedStreams" in senders);
    const checks = [
        ["secure_context", globalThis.isSecureContext],
        ["peer_connection", "RTCPeerConnection" in globalThis],
        ["encoded_transform", transforms],
        ["wasm", "WebAssembly" in globalThis],
        ["worker", "Worker" in globalThis],
    ];
    return checks.filter(([, has]) => !has).map(([lack]) => lack);
}
