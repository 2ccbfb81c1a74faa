/** A device's signature key between calls. One worker at a time has it. */
/**
 * The stored identity of a participant, made if there is none, or nothing where it cannot be
 * stored or another worker uses it: then the stay has a key of its own.
 */
export declare function identityOf(participant: string): Promise<Uint8Array | undefined>;
