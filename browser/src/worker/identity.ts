/**
 * Where a device keeps its signature key between calls: in IndexedDB, encrypted with a key of
 * WebCrypto that no script can read. Whoever runs code in this origin can still use that key; what
 * is protected is the file on disk.
 */

import { hold } from "../locks.js";
import { Core } from "../wasm/mls_srtp_browser.js";

const DATABASE = "mls-srtp";
const STORE = "identities";
/** The entry of the key that encrypts all others. */
const WRAPPING = "wrapping key";
/** How long a worker that is replaced, by a reload, may take to let go of its identity. */
const PATIENCE = 400;

interface Stored {
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

/**
 * The stored identity of a participant, made if there is none, or nothing where it cannot be
 * stored or another worker uses it: then the stay has a key of its own.
 */
export async function identityOf(participant: string): Promise<Uint8Array | undefined> {
  try {
    if (!(await hold(`${DATABASE}/${participant}`, PATIENCE))) return undefined;
    const database = await open();
    const key = await wrappingKey(database);
    const additionalData = new TextEncoder().encode(participant);
    const stored = await get<Stored>(database, participant);
    if (stored) {
      const algorithm = { name: "AES-GCM", iv: stored.iv, additionalData };
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, stored.sealed));
    }
    const identity = Core.newIdentity(participant) as Uint8Array<ArrayBuffer>;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const algorithm = { name: "AES-GCM", iv, additionalData };
    const sealed = await crypto.subtle.encrypt(algorithm, key, identity);
    await put(database, participant, { iv, sealed });
    return identity;
  } catch (error) {
    console.debug("mls-srtp: no stored identity:", error instanceof Error ? error.message : error);
    return undefined;
  }
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request);
}

async function wrappingKey(database: IDBDatabase): Promise<CryptoKey> {
  const stored = await get<CryptoKey>(database, WRAPPING);
  if (stored) return stored;
  const algorithm = { name: "AES-GCM", length: 256 };
  const made = await crypto.subtle.generateKey(algorithm, false, ["encrypt", "decrypt"]);
  // Another tab may have been faster: the first one counts.
  await put(database, WRAPPING, made).catch(() => {});
  return (await get<CryptoKey>(database, WRAPPING)) ?? made;
}

function get<T>(database: IDBDatabase, name: string): Promise<T | undefined> {
  return done(database.transaction(STORE).objectStore(STORE).get(name)) as Promise<T | undefined>;
}

/** Stores what is not there yet. */
async function put(database: IDBDatabase, name: string, value: unknown): Promise<void> {
  await done(database.transaction(STORE, "readwrite").objectStore(STORE).add(value, name));
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
}
