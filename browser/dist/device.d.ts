/** Names for tabs: two tabs of one user are two devices. */
/**
 * The device name of this tab. A tab keeps its name over a reload; a tab of a later session takes
 * a name that this browser has used and no other tab has now, so that people meet the same device
 * again; and a duplicated tab, which inherits the storage of the first, gets another name.
 */
export declare function tabDevice(): Promise<string>;
