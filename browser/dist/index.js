/**
 * End-to-end encrypted conferences in the browser: one MLS group per room, one SFrame key per
 * sender and epoch, any SFU.
 */
export { Conference } from "./conference.js";
export { Code } from "./code.js";
export { tabDevice } from "./device.js";
export { deviceKey } from "./key.js";
export { claimsOf } from "./token.js";
export { connectionConfig, hasScriptTransform, LACK_IN_WORDS, lacks } from "./support.js";
