/**
 * What this origin keeps on disk: entries in IndexedDB, encrypted with a key of WebCrypto that no
 * script can read. Whoever runs code in this origin can still use that key; what is protected is the
 * file on disk.
 */
/** The content of an entry; nothing if there is none. */
export declare function read(name: string): Promise<Uint8Array | undefined>;
/** Writes an entry in the place of what was there. */
export declare function write(name: string, content: Uint8Array<ArrayBuffer>): Promise<void>;
