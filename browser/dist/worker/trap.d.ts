/** How the core fails when it should not. */
/** Whether WebAssembly broke off, of which nothing is undone; what the core refuses is no trap. */
export declare function isTrap(error: unknown): boolean;
