/** Names that one tab or worker of this browser has at a time. */
/**
 * Takes a name until this tab or worker ends. `false` if another one has it and keeps it for
 * `patience` milliseconds; nothing where the browser has no locks.
 */
export declare function hold(name: string, patience: number): Promise<boolean | undefined>;
