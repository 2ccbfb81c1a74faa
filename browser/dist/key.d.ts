/** The signature key of a device, for whoever makes its room tokens. */
import type { ParticipantId } from "./facts.js";
/**
 * The thumbprint (RFC 7638) of the key that `user@domain/device` has in this browser; one is made
 * if there is none. A room token that is bound to it (`cnf.jkt`) is checked by the members, too.
 *
 * @throws when the key cannot be kept, or another tab uses it.
 */
export declare function deviceKey(participant: ParticipantId): Promise<string>;
