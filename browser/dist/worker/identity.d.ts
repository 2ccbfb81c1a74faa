/**
 * Where a device keeps its signature key between calls: in IndexedDB, encrypted with a key of
 * WebCrypto that no script can read. Whoever runs code in this origin can still use that key; what
 * is protected is the file on disk.
 */
/**
 * The stored identity of a participant, made if there is none, or nothing where it cannot be
 * stored or another worker uses it: then the stay has a key of its own.
 */
export declare function identityOf(participant: string): Promise<Uint8Array | undefined>;
