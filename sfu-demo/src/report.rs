//! What a demo run came to. The field names are the contract of `--json`.

use serde::Serialize;

use crate::codes::CodesReport;
use crate::outage::OutageReport;

/// The whole report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// `ok` or `failed`.
    pub verdict: &'static str,
    /// Why it failed; empty when it did not.
    pub reasons: Vec<String>,
    /// What was protected end to end: packets (`srtp`) or frames (`sframe`).
    pub mode: &'static str,
    /// How.
    pub profile: &'static str,
    /// The MLS cipher suite of the room's group.
    pub ciphersuite: &'static str,
    /// The stronger one that all members signed they can do; null if theirs is the strongest.
    pub stronger_ciphersuite: Option<&'static str>,
    /// Distinct epochs seen, epoch 0 included.
    pub epochs: usize,
    /// Everybody who took part.
    pub participants: Vec<ParticipantReport>,
    /// Every change of the epoch.
    pub epoch_changes: Vec<EpochReport>,
    /// Packets that the SFU forwarded to those who stayed and that they neither decrypted nor had
    /// twice.
    pub lost_packets: u64,
    /// Packets (frames, in a room of frames) from before its removal that the leaver's keys opened, fed to them after it left:
    /// shows that its keys work.
    pub removed_opened_before: u64,
    /// Packets or frames from after its removal fed to the leaver's keys.
    pub removed_tried: u64,
    /// Of these: opened.
    pub removed_could_read: u64,
    /// What people would compare.
    pub codes: CodesReport,
    /// The SFU's side.
    pub sfu: SfuReport,
    /// The SFU's death and what it cost; null without `--kill-sfu`.
    pub outage: Option<OutageReport>,
}

/// One participant's call.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ParticipantReport {
    /// Its user name.
    pub name: String,
    /// When it was in the group, in milliseconds from the start of the conference.
    pub joined_ms: u64,
    /// When it had left, or null.
    pub left_ms: Option<u64>,
    /// From the request to join to the first decrypted packet, in milliseconds.
    pub first_decrypted_ms: Option<u64>,
    /// RTP packets protected and sent; in a room of frames, frames protected.
    pub sent_packets: u64,
    /// RTP packets that the SFU forwarded to it.
    pub forwarded_to: u64,
    /// RTP packets opened; in a room of frames, those of opened frames.
    pub decrypted_packets: u64,
    /// RTP packets received twice; in a room of frames also the rest of pictures that were under
    /// way when the participant came.
    pub duplicates: u64,
    /// `forwarded_to − decrypted_packets − duplicates`, less what an `outage` accounts for.
    pub unaccounted: u64,
    /// Packets or frames whose tag did not verify.
    pub auth_failures: u64,
    /// Packets or frames dropped because their epoch's key did not come in time.
    pub missing_key_drops: u64,
    /// Packets or frames refused because their sender had not announced their stream.
    pub wrong_stream_drops: u64,
    /// Packets or frames refused because they were not protected, or by no other member.
    pub malformed_drops: u64,
    /// Whole frames received and compared with their publisher's source.
    pub frames_checked: u64,
    /// Frames that others sent while both were present, less those that an `outage` interrupted.
    pub frames_expected: u64,
    /// Of the stream that came least complete: how many percent of its frames came whole.
    pub thinnest_percent: u64,
    /// Whether every checked frame equals its source.
    pub media_intact: bool,
}

/// One epoch change.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EpochReport {
    /// The epoch that began.
    pub epoch: u64,
    /// Who came and went.
    pub cause: String,
    /// Members in it.
    pub members: usize,
    /// Size of the commit in bytes.
    pub commit_bytes: usize,
    /// From the commit's acceptance until every connected member had reported its keys, in
    /// milliseconds; null if that never happened.
    pub ready_ms: Option<u64>,
    /// Packets that receivers refused, from this change to the next; having a packet already does
    /// not count.
    pub lost_packets: u64,
    /// For a removal: from the request to the last packet that the removed member could read.
    pub exposure_ms: Option<u64>,
}

/// What the SFU did and saw.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SfuReport {
    /// Packets forwarded, counted once per receiver.
    pub forwarded_packets: u64,
    /// Forwarded payloads looked at, once per publisher's packet.
    pub inspected_payloads: u64,
    /// Of these: parsed as the known frames.
    pub readable_payloads: u64,
    /// The same check given as many of the source's own packets in plain.
    pub control_forwarded: u64,
    /// Of these: parsed as the known frames. Equal, so the check is seen to work.
    pub control_readable: u64,
    /// Time of the SFU's thread on a CPU, in microseconds per forwarded packet.
    pub cpu_us_per_packet: f64,
}

impl Report {
    /// The report for a person.
    pub fn in_words(&self) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "\n{:10} {:>9} {:>8} {:>10} {:>10} {:>5} {:>14}",
            "name", "first ms", "sent", "forwarded", "decrypted", "lost", "frames"
        );
        for one in &self.participants {
            let first = one
                .first_decrypted_ms
                .map_or_else(|| "-".into(), |ms| ms.to_string());
            let frames = format!("{}/{}", one.frames_checked, one.frames_expected);
            let _ = writeln!(
                text,
                "{:10} {first:>9} {:>8} {:>10} {:>10} {:>5} {frames:>14}",
                one.name,
                one.sent_packets,
                one.forwarded_to,
                one.decrypted_packets,
                one.unaccounted
            );
        }
        let _ = writeln!(
            text,
            "\n{:>5} {:>7} {:>8} {:>8} {:>5}  cause",
            "epoch", "members", "commit B", "ready ms", "lost"
        );
        for one in &self.epoch_changes {
            let ready = one.ready_ms.map_or_else(|| "-".into(), |ms| ms.to_string());
            let exposure = one
                .exposure_ms
                .map(|ms| format!(" (readable for {ms} ms more)"));
            let _ = writeln!(
                text,
                "{:>5} {:>7} {:>8} {ready:>8} {:>5}  {}{}",
                one.epoch,
                one.members,
                one.commit_bytes,
                one.lost_packets,
                one.cause,
                exposure.unwrap_or_default()
            );
        }
        let _ = writeln!(text, "\nMLS cipher suite: {}", self.ciphersuite);
        if let Some(stronger) = self.stronger_ciphersuite {
            let _ = writeln!(text, "all members could do {stronger} (--post-quantum)");
        }
        let sfu = &self.sfu;
        let _ = writeln!(
            text,
            "SFU: {} packets forwarded, {} µs of CPU each; {} of {} payloads readable \
             (check: {} of {} plain ones)",
            sfu.forwarded_packets,
            sfu.cpu_us_per_packet,
            sfu.readable_payloads,
            sfu.inspected_payloads,
            sfu.control_readable,
            sfu.control_forwarded
        );
        if let Some(outage) = &self.outage {
            let _ = writeln!(text, "{}", outage.in_words());
        }
        let _ = writeln!(
            text,
            "the leaver's keys opened {} {} from before it was removed, {} of {} from after",
            self.removed_opened_before,
            if self.mode == "sframe" {
                "frames"
            } else {
                "packets"
            },
            self.removed_could_read,
            self.removed_tried
        );
        let _ = writeln!(text, "{}", self.codes.in_words());
        for reason in &self.reasons {
            let _ = writeln!(text, "FAILED: {reason}");
        }
        let _ = write!(text, "verdict: {}", self.verdict);
        text
    }

    /// Decides the verdict: every condition that does not hold becomes a reason.
    pub fn judge(&mut self) {
        let mut reasons = std::mem::take(&mut self.reasons);
        let mut require = |holds: bool, reason: String| {
            if !holds {
                reasons.push(reason);
            }
        };
        for one in &self.participants {
            let name = &one.name;
            require(
                one.unaccounted == 0,
                format!("{name}: {} packets unaccounted for", one.unaccounted),
            );
            require(
                one.auth_failures == 0,
                format!("{name}: {} tags did not verify", one.auth_failures),
            );
            require(
                one.missing_key_drops == 0,
                format!(
                    "{name}: {} packets came without their key",
                    one.missing_key_drops
                ),
            );
            require(
                one.first_decrypted_ms.is_some(),
                format!("{name}: decrypted nothing"),
            );
            require(
                one.forwarded_to > 0,
                format!("{name}: was forwarded nothing"),
            );
            require(
                one.thinnest_percent >= 95,
                format!(
                    "{name}: only {} % of a stream came whole",
                    one.thinnest_percent
                ),
            );
            require(one.sent_packets > 0, format!("{name}: sent nothing"));
            require(
                one.media_intact,
                format!("{name}: a frame differs from its source"),
            );
            require(
                one.frames_checked * 100 >= one.frames_expected * 95 && one.frames_checked > 0,
                format!(
                    "{name}: only {} of {} frames came whole",
                    one.frames_checked, one.frames_expected
                ),
            );
        }
        for change in &self.epoch_changes {
            let (epoch, lost) = (change.epoch, change.lost_packets);
            require(
                change.ready_ms.is_some(),
                format!("epoch {epoch} was never ready"),
            );
            require(
                lost == 0,
                format!("{lost} packets refused in epoch {epoch}"),
            );
        }
        require(self.epochs >= 4, format!("only {} epochs", self.epochs));
        require(
            self.lost_packets == 0,
            format!("{} packets lost", self.lost_packets),
        );
        require(
            self.removed_opened_before >= 200,
            format!(
                "only {} packets show that the leaver's keys worked",
                self.removed_opened_before
            ),
        );
        require(
            self.removed_tried >= 200,
            format!(
                "only {} packets tried with the leaver's keys",
                self.removed_tried
            ),
        );
        require(
            self.removed_could_read == 0,
            format!(
                "the leaver could read {} packets after it was removed",
                self.removed_could_read
            ),
        );
        let sfu = &self.sfu;
        require(
            sfu.forwarded_packets > 0,
            "the SFU forwarded nothing".into(),
        );
        require(
            sfu.readable_payloads == 0,
            format!("the SFU could read {} payloads", sfu.readable_payloads),
        );
        require(
            sfu.control_forwarded > 0 && sfu.control_readable == sfu.control_forwarded,
            format!(
                "the readability check found {} of {} plain payloads",
                sfu.control_readable, sfu.control_forwarded
            ),
        );
        reasons.extend(self.codes.reasons());
        reasons.extend(self.outage.iter().flat_map(OutageReport::reasons));
        self.verdict = if reasons.is_empty() { "ok" } else { "failed" };
        self.reasons = reasons;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outage::{InterruptionReport, StreamsReport};

    fn good() -> Report {
        let one = ParticipantReport {
            name: "alice".into(),
            first_decrypted_ms: Some(300),
            sent_packets: 10,
            forwarded_to: 10,
            decrypted_packets: 10,
            frames_checked: 100,
            frames_expected: 100,
            thinnest_percent: 100,
            media_intact: true,
            ..ParticipantReport::default()
        };
        let streams = StreamsReport {
            streams: 2,
            streams_back: 2,
            ..StreamsReport::default()
        };
        let interruption = InterruptionReport {
            reconnected_ms: Some(500),
            streams: streams.clone(),
            ..InterruptionReport::default()
        };
        let outage = OutageReport {
            streams,
            participants: vec![interruption],
            ..OutageReport::default()
        };
        let change = EpochReport {
            ready_ms: Some(1),
            ..EpochReport::default()
        };
        Report {
            epochs: 4,
            participants: vec![one],
            epoch_changes: vec![change],
            outage: Some(outage),
            removed_opened_before: 200,
            removed_tried: 200,
            codes: CodesReport {
                shown_by: 2,
                safety_number_agrees: true,
                ..CodesReport::default()
            },
            sfu: SfuReport {
                forwarded_packets: 10,
                control_forwarded: 5,
                control_readable: 5,
                ..SfuReport::default()
            },
            ..Report::default()
        }
    }

    fn outage(report: &mut Report) -> &mut OutageReport {
        report.outage.as_mut().expect("there is one")
    }

    #[test]
    fn a_good_run_is_ok() {
        let mut report = good();
        report.judge();
        assert_eq!((report.verdict, report.reasons), ("ok", vec![]));
    }

    /// Every condition, broken alone, fails the run with one reason.
    #[test]
    fn each_condition_can_fail() {
        let breaks: [fn(&mut Report); 28] = [
            |r| r.participants[0].unaccounted = 1,
            |r| r.participants[0].auth_failures = 1,
            |r| r.participants[0].missing_key_drops = 1,
            |r| r.participants[0].first_decrypted_ms = None,
            |r| r.participants[0].sent_packets = 0,
            |r| r.participants[0].forwarded_to = 0,
            |r| r.participants[0].media_intact = false,
            |r| r.participants[0].frames_checked = 94,
            |r| r.participants[0].thinnest_percent = 94,
            |r| r.epoch_changes[0].ready_ms = None,
            |r| r.epoch_changes[0].lost_packets = 1,
            |r| r.epochs = 3,
            |r| r.lost_packets = 1,
            |r| r.removed_opened_before = 199,
            |r| r.removed_tried = 199,
            |r| r.removed_could_read = 1,
            |r| r.sfu.forwarded_packets = 0,
            |r| r.sfu.readable_payloads = 1,
            |r| r.sfu.control_readable = 4,
            |r| r.codes.shown_by = 1,
            |r| r.codes.split_epochs = 1,
            |r| r.codes.safety_number_agrees = false,
            |r| outage(r).epochs = 1,
            |r| outage(r).participants.clear(),
            |r| outage(r).streams.streams = 0,
            |r| outage(r).participants[0].reconnected_ms = None,
            |r| outage(r).participants[0].streams.streams_back = 1,
            |r| r.reasons.push("alice could not leave".into()),
        ];
        for (index, spoil) in breaks.into_iter().enumerate() {
            let mut report = good();
            spoil(&mut report);
            report.judge();
            assert_eq!(report.verdict, "failed", "condition {index}");
            assert_eq!(
                report.reasons.len(),
                1,
                "condition {index}: {:?}",
                report.reasons
            );
        }
    }
}
