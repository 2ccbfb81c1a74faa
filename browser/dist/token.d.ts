/** What room tokens of our own say: to choose what to show. The service and the members check them. */
/** The claims that a page can use. */
export interface TokenClaims {
    /** The user, `user@domain`. */
    readonly sub?: string;
    readonly device?: string;
    /** The room, or the beginning of its name followed by `*`. */
    readonly room?: string;
    /** Of `publish`, `subscribe` and `moderate`. */
    readonly rights?: readonly string[];
}
/** What a token says; nothing for what is none. */
export declare function claimsOf(token: string | undefined): TokenClaims;
