//! The SFU killed in the middle of the demo, and what that costs everybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::id::ParticipantId;
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::Headless;
use mls_srtp_sfu::ServerStats;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

use crate::epochs::EpochRecord;
use crate::frames::Pause;
use crate::results::{forwarded_to, millis, taken, whole_millis};
use sfu_demo::host::Host;

/// How long everybody may take to be connected again.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked who is: far more often than a new connection takes.
const LOOK: Duration = Duration::from_millis(5);

/// An SFU's death.
pub struct Outage {
    /// When it was killed.
    pub at: Moment,
    /// When another one was in its place.
    replaced_at: Moment,
    struck: HashMap<ParticipantId, Struck>,
}

/// Somebody whose media went through the SFU that was killed.
struct Struck {
    back_at: Option<Moment>,
    /// Packets that the dead SFU had forwarded to it, or was about to, and that never came.
    lost: u64,
}

impl Outage {
    /// Kills the SFU and waits until everybody is connected again.
    pub async fn strike(host: &Host, everybody: &[Arc<Headless>], origin: ClockOrigin) -> Self {
        let connected = everybody.iter().filter(|one| one.progress().media_up);
        let mut watched: Vec<_> = connected.map(|one| Watched::new(one)).collect();
        let at = origin.now();
        // Without another SFU nobody comes back, and that is judged.
        let former = timeout(PATIENCE, host.kill_sfu()).await.unwrap_or_default();
        let replaced_at = origin.now();
        let end = Instant::now() + PATIENCE;
        while watched.iter().any(|one| one.back_at.is_none()) && Instant::now() < end {
            watched.iter_mut().for_each(|one| one.look(origin.now()));
            sleep(LOOK).await;
        }
        Self {
            at,
            replaced_at,
            struck: watched.iter().map(|one| one.settle(&former)).collect(),
        }
    }

    /// Packets that somebody lost by it.
    pub fn lost(&self, who: &ParticipantId) -> u64 {
        self.struck.get(who).map_or(0, |one| one.lost)
    }

    /// What it came to. Each of `pauses` is one stream at one receiver that was under way.
    pub fn report(
        &self,
        pauses: &[(ParticipantId, Pause)],
        epochs: &[EpochRecord],
        leaver: &ParticipantId,
    ) -> OutageReport {
        let mut participants: Vec<_> = self
            .struck
            .iter()
            .map(|(who, one)| {
                let own = pauses.iter().filter(|(receiver, _)| receiver == who);
                InterruptionReport {
                    name: who.user().to_owned(),
                    reconnected_ms: one.back_at.map(|at| whole_millis(at, self.at)),
                    lost_packets: one.lost,
                    streams: StreamsReport::of(own.map(|(_, pause)| pause)),
                }
            })
            .collect();
        participants.sort_by(|a, b| a.name.cmp(&b.name));
        OutageReport {
            killed_ms: millis(self.at),
            down_ms: whole_millis(self.replaced_at, self.at),
            epochs: self.epochs(epochs, leaver),
            lost_packets: self.struck.values().map(|one| one.lost).sum(),
            streams: StreamsReport::of(pauses.iter().map(|(_, pause)| pause)),
            participants,
        }
    }

    /// Epochs since then in which somebody came or went, but for the leaver, who was to go. Leaves
    /// of large groups renew themselves at their own times.
    fn epochs(&self, epochs: &[EpochRecord], leaver: &ParticipantId) -> usize {
        let since = epochs.iter().filter(|epoch| epoch.accepted > self.at);
        let moved = since.filter(|epoch| {
            !epoch.added.is_empty() || epoch.removed.iter().any(|who| who != leaver)
        });
        moved.count()
    }
}

/// Somebody who has to connect again.
struct Watched<'a> {
    headless: &'a Headless,
    reconnects: u32,
    /// Packets that it had taken when it was not connected again yet.
    taken: u64,
    back_at: Option<Moment>,
}

impl<'a> Watched<'a> {
    fn new(headless: &'a Headless) -> Self {
        Self {
            headless,
            reconnects: headless.progress().media_reconnects,
            taken: taken(headless).0,
            back_at: None,
        }
    }

    fn look(&mut self, now: Moment) {
        // Counted before it is known whether the next connection is there: none of its packets is
        // among these.
        let (taken, progress) = (taken(self.headless).0, self.headless.progress());
        if progress.media_up && progress.media_reconnects > self.reconnects {
            self.back_at.get_or_insert(now);
        } else {
            self.taken = taken;
        }
    }

    /// Nothing comes of the dead SFU any more. `former` is what it had forwarded.
    fn settle(&self, former: &ServerStats) -> (ParticipantId, Struck) {
        let who = self.headless.participant();
        let struck = Struck {
            back_at: self.back_at,
            lost: forwarded_to(former, who).saturating_sub(self.taken),
        };
        (who.clone(), struck)
    }
}

/// What came of the SFU's death.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OutageReport {
    /// When the SFU was killed, in milliseconds from the start of the conference.
    pub killed_ms: u64,
    /// Until another one was in its place, in milliseconds.
    pub down_ms: u64,
    /// Epochs that it cost.
    pub epochs: usize,
    /// Packets that the dead SFU had forwarded and that were never received; in no other count of
    /// lost packets.
    pub lost_packets: u64,
    /// All streams at all receivers.
    #[serde(flatten)]
    pub streams: StreamsReport,
    /// Those who were connected.
    pub participants: Vec<InterruptionReport>,
}

/// What it was to one participant.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InterruptionReport {
    /// Its user name.
    pub name: String,
    /// From the SFU's death to the next connection, in milliseconds; null if there is none.
    pub reconnected_ms: Option<u64>,
    /// Packets that it lost.
    pub lost_packets: u64,
    /// What it receives.
    #[serde(flatten)]
    pub streams: StreamsReport,
}

/// Streams that were interrupted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StreamsReport {
    /// How many there were.
    pub streams: usize,
    /// Of these: came back.
    pub streams_back: usize,
    /// Frames that were sent meanwhile and never came.
    pub missed_frames: u64,
    /// From the last frame before to the first one after that can be decoded, in milliseconds: the
    /// median.
    pub interruption_p50_ms: u64,
    /// The same, the longest.
    pub interruption_max_ms: u64,
}

impl StreamsReport {
    fn of<'a>(pauses: impl Iterator<Item = &'a Pause>) -> Self {
        let pauses: Vec<_> = pauses.collect();
        let mut lengths: Vec<Duration> = pauses.iter().filter_map(|pause| pause.length).collect();
        lengths.sort_unstable();
        let length = |at: usize| {
            lengths
                .get(at)
                .map_or(0, |length| length.as_millis() as u64)
        };
        Self {
            streams: pauses.len(),
            streams_back: pauses.iter().filter(|pause| pause.is_over).count(),
            missed_frames: pauses.iter().map(|pause| pause.missed).sum(),
            interruption_p50_ms: length(lengths.len() / 2),
            interruption_max_ms: length(lengths.len().saturating_sub(1)),
        }
    }
}

impl OutageReport {
    /// Every condition that does not hold.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.epochs > 0 {
            reasons.push(format!("the SFU's death cost {} epochs", self.epochs));
        }
        if self.participants.is_empty() || self.streams.streams == 0 {
            reasons.push("the SFU's death struck nobody".into());
        }
        for one in &self.participants {
            let (name, streams) = (&one.name, &one.streams);
            if one.reconnected_ms.is_none() {
                reasons.push(format!("{name}: was not connected to the next SFU"));
            } else if streams.streams_back < streams.streams {
                let (back, all) = (streams.streams_back, streams.streams);
                reasons.push(format!("{name}: only {back} of {all} streams came back"));
            }
        }
        reasons
    }

    /// The report for a person.
    pub fn in_words(&self) -> String {
        let streams = &self.streams;
        format!(
            "SFU killed at {} ms, the next one there after {} ms; {} of {} streams came back, after \
             {} ms (median; longest {} ms); {} packets lost, {} epochs",
            self.killed_ms,
            self.down_ms,
            streams.streams_back,
            streams.streams,
            streams.interruption_p50_ms,
            streams.interruption_max_ms,
            self.lost_packets,
            self.epochs
        )
    }
}

#[cfg(test)]
mod tests {
    use mls_srtp::id::Epoch;

    use super::*;

    fn name(user: &str) -> ParticipantId {
        ParticipantId::new(user, "localhost", "demo").expect("a name")
    }

    fn pause(length: u64, is_over: bool) -> Pause {
        Pause {
            missed: 2,
            length: Some(Duration::from_millis(length)),
            is_over,
        }
    }

    #[test]
    fn streams_are_counted_and_their_pauses_ordered() {
        let pauses = [pause(30, true), pause(10, true), pause(20, false)];
        let report = StreamsReport::of(pauses.iter());
        assert_eq!((report.streams, report.streams_back), (3, 2));
        assert_eq!(report.missed_frames, 6);
        let (p50, max) = (report.interruption_p50_ms, report.interruption_max_ms);
        assert_eq!((p50, max), (20, 30));
    }

    /// Who was to leave costs an epoch, and so do leaves that renew themselves.
    #[test]
    fn only_epochs_that_the_outage_may_have_caused_count() {
        let outage = Outage {
            at: Moment::from_millis(100),
            replaced_at: Moment::from_millis(100),
            struck: HashMap::new(),
        };
        let epoch = |at, added: &[&str], removed: &[&str]| EpochRecord {
            epoch: Epoch::default(),
            added: added.iter().map(|who| name(who)).collect(),
            removed: removed.iter().map(|who| name(who)).collect(),
            members: 3,
            commit_bytes: 0,
            accepted: Moment::from_millis(at),
            ready: None,
            refused_so_far: 0,
        };
        let count = |epochs: &[EpochRecord]| outage.epochs(epochs, &name("bob"));
        let innocent = [
            epoch(90, &["carol"], &[]),
            epoch(110, &[], &[]),
            epoch(120, &[], &["bob"]),
        ];
        assert_eq!(count(&innocent), 0);
        assert_eq!(count(&[epoch(110, &[], &["carol"])]), 1);
        assert_eq!(count(&[epoch(110, &["carol"], &["carol"])]), 1);
    }
}
