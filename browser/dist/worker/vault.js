/**
 * What this origin keeps on disk: entries in IndexedDB, encrypted with a key of WebCrypto that no
 * script can read. Whoever runs code in this origin can still use that key; what is protected is the
 * file on disk.
 */
const DATABASE = "mls-srtp";
const STORE = "identities";
/** The entry of the key that encrypts all others. */
const WRAPPING = "wrapping key";
/** The content of an entry; nothing if there is none. */
export async function read(name) {
    const database = await open();
    const stored = await get(database, name);
    if (!stored)
        return undefined;
    const key = await wrappingKey(database);
    return new Uint8Array(await crypto.subtle.decrypt(algorithm(name, stored.iv), key, stored.sealed));
}
/** Writes an entry in the place of what was there. */
export async function write(name, content) {
    const database = await open();
    const key = await wrappingKey(database);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt(algorithm(name, iv), key, content);
    const entry = { iv, sealed };
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).put(entry, name));
}
/** An entry is good under its own name only. */
function algorithm(name, iv) {
    return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(name) };
}
function open() {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return done(request);
}
async function wrappingKey(database) {
    const stored = await get(database, WRAPPING);
    if (stored)
        return stored;
    const algorithm = { name: "AES-GCM", length: 256 };
    const made = await crypto.subtle.generateKey(algorithm, false, ["encrypt", "decrypt"]);
    // Another tab may have been faster: the first one counts.
    const store = database.transaction(STORE, "readwrite").objectStore(STORE);
    await done(store.add(made, WRAPPING)).catch(() => { });
    return (await get(database, WRAPPING)) ?? made;
}
function get(database, name) {
    return done(database.transaction(STORE).objectStore(STORE).get(name));
}
function done(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
    });
}
