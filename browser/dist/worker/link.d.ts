/** A WebSocket to the delivery service that comes back by itself. */
/** What a link tells. */
export interface LinkListener {
    up(): void;
    down(reason: string): void;
    envelope(json: string): void;
}
/**
 * Connects at once and again whenever it is lost, with delays that double from 200 ms to 5 s and
 * are shortened at random by up to half: what all lost at one moment, all would otherwise try
 * again at the same moments.
 */
export declare class Link {
    #private;
    reconnects: number;
    constructor(url: string, listener: LinkListener);
    get isUp(): boolean;
    /** Sends an envelope if the link is up. */
    send(json: string): void;
    /** Gives the connection up, with whatever is under way in it, and connects again. */
    reconnect(reason: string): void;
    /** Ends the link for good, after what was sent has gone out. */
    close(): void;
}
