/** Names that one tab or worker of this browser has at a time. */
/**
 * Takes a name until this tab or worker ends. `false` if another one has it and keeps it for
 * `patience` milliseconds; nothing where the browser has no locks.
 */
export async function hold(name, patience) {
    if (!navigator.locks)
        return undefined;
    return new Promise((resolve) => {
        const held = (lock) => {
            resolve(lock !== null);
            return lock ? new Promise(() => { }) : undefined;
        };
        const options = patience ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
        navigator.locks.request(name, options, held).catch(() => resolve(false));
    });
}
