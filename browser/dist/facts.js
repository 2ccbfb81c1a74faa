/**
 * What the key manager tells, in the shapes that the WebAssembly core writes (`wasm/src/facts.rs`).
 * None of it is secret.
 */
/** The number of each source's stream in our frames' key ids. */
export const STREAM_NUMBER = {
    microphone: 1,
    camera: 2,
    screen: 3,
};
