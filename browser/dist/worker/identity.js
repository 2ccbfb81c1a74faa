/** A device's signature key between calls. One worker at a time has it. */
import { hold } from "../locks.js";
import { Core } from "../wasm/mls_srtp_browser.js";
import { read, write } from "./vault.js";
/** How long a worker that is replaced, by a reload, may take to let go of its identity. */
const PATIENCE = 400;
/**
 * The stored identity of a participant, made if there is none, or nothing where it cannot be
 * stored or another worker uses it: then the stay has a key of its own.
 */
export async function identityOf(participant) {
    try {
        if (!(await hold(`mls-srtp/${participant}`, PATIENCE)))
            return undefined;
        const stored = await read(participant);
        if (stored)
            return stored;
        const identity = Core.newIdentity(participant);
        await write(participant, identity);
        return identity;
    }
    catch (error) {
        console.debug("mls-srtp: no stored identity:", error instanceof Error ? error.message : error);
        return undefined;
    }
}
