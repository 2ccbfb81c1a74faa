/** Who is speaking, by the sound that was decoded: what an SFU says about loudness is not asked. */
const INTERVAL = 300;
/** Loudness from which somebody counts as speaking, of 1. */
const LOUD = 0.02;
/** Watches a connection; returns how to stop. */
export function watchSpeakers(call, connection, tell) {
    const timer = setInterval(() => void look(), INTERVAL);
    async function look() {
        const current = connection();
        if (!current)
            return;
        const owners = new Map(current.getReceivers().map((receiver) => [receiver.track.id, call.owner(receiver)]));
        const speaking = new Set();
        for (const stat of (await current.getStats()).values()) {
            if (stat.type === "inbound-rtp" && stat.kind === "audio" && stat.audioLevel > LOUD) {
                const owner = owners.get(stat.trackIdentifier);
                if (owner)
                    speaking.add(owner.participant);
            }
            if (stat.type === "media-source" && stat.kind === "audio" && stat.audioLevel > LOUD) {
                speaking.add(call.participant);
            }
        }
        tell(speaking);
    }
    return () => clearInterval(timer);
}
