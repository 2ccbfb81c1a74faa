/** A WebSocket to the delivery service that comes back by itself. */
/** Longest delay between attempts, and how long an attempt may take, in milliseconds. */
const FIRST_DELAY = 200;
const LAST_DELAY = 5_000;
const ATTEMPT = 10_000;
/**
 * Connects at once and again whenever it is lost, with delays that double from 200 ms to 5 s and
 * are shortened at random by up to half: what all lost at one moment, all would otherwise try
 * again at the same moments.
 */
export class Link {
    reconnects = 0;
    #url;
    #listener;
    #socket;
    #since = 0;
    #delay = FIRST_DELAY;
    #timer;
    #closed = false;
    #up = false;
    constructor(url, listener) {
        this.#url = url;
        this.#listener = listener;
        this.#open();
    }
    get isUp() {
        return this.#up;
    }
    /** Sends an envelope if the link is up. */
    send(json) {
        if (this.#up)
            this.#socket?.send(json);
    }
    /** Gives the connection up, with whatever is under way in it, and connects again. */
    reconnect(reason) {
        if (!this.#closed)
            this.#lose(reason);
    }
    /** Ends the link for good, after what was sent has gone out. */
    close() {
        this.#closed = true;
        clearTimeout(this.#timer);
        this.#drop();
    }
    #open() {
        let socket;
        try {
            socket = new WebSocket(this.#url);
        }
        catch (error) {
            return this.#lose(String(error));
        }
        this.#socket = socket;
        this.#timer = setTimeout(() => this.#lose("no answer from the service"), ATTEMPT);
        socket.onopen = () => {
            clearTimeout(this.#timer);
            this.#up = true;
            this.#since = performance.now();
            this.#listener.up();
        };
        socket.onmessage = ({ data }) => {
            if (typeof data === "string")
                this.#listener.envelope(data);
        };
        socket.onclose = ({ code, reason }) => {
            this.#lose(reason || `the connection to the service was closed (${code})`);
        };
    }
    #lose(reason) {
        const lived = this.#up ? performance.now() - this.#since : 0;
        this.#drop();
        if (this.#closed)
            return;
        // What comes up and fails again at once must not be tried ever faster.
        if (lived > LAST_DELAY)
            this.#delay = FIRST_DELAY;
        const delay = this.#delay * (0.5 + Math.random() / 2);
        this.#delay = Math.min(this.#delay * 2, LAST_DELAY);
        this.#timer = setTimeout(() => {
            this.reconnects += 1;
            this.#open();
        }, delay);
        this.#listener.down(reason);
    }
    #drop() {
        clearTimeout(this.#timer);
        const socket = this.#socket;
        this.#socket = undefined;
        this.#up = false;
        if (!socket)
            return;
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
    }
}
