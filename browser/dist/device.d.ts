/** Names for tabs: two tabs of one user are two devices. */
/**
 * The device name of this tab. It survives a reload and nothing else; a duplicated tab, which
 * inherits the storage of the first, gets a name of its own.
 */
export declare function tabDevice(): Promise<string>;
