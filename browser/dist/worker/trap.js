/** How the core fails when it should not. */
/** Whether WebAssembly broke off, of which nothing is undone; what the core refuses is no trap. */
export function isTrap(error) {
    // The latter where the stack is full.
    return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}
