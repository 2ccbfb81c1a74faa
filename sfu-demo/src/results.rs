//! From counters to the report.

use std::sync::Arc;

use mls_srtp::group::MlsSuite;
use mls_srtp::id::{ParticipantId, Ssrc};
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use mls_srtp_participant::headless::{Headless, Progress};
use mls_srtp_sfu::ServerStats;

use crate::audit::LeaverResult;
use crate::demo::{Conference, refused};
use crate::epochs::EpochRecord;
use crate::frames::Pause;
use crate::report::{EpochReport, ParticipantReport, Report, SfuReport};

/// Puts the report together. Sending ended at `ended_at`.
pub fn collect(
    conference: &Conference,
    everybody: &[Arc<Headless>],
    epochs: &[EpochRecord],
    server: &ServerStats,
    leaver: LeaverResult,
    ended_at: Moment,
) -> Report {
    let participants: Vec<_> = everybody
        .iter()
        .map(|one| participant(conference, everybody, one, server, ended_at))
        .collect();
    let stayed = participants
        .iter()
        .filter(|one| one.name != conference.leaver.user());
    let mut seen: Vec<u64> = everybody
        .iter()
        .flat_map(|one| one.progress().epochs)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let (inspected, readable) = conference.audit.readable();
    let outage = conference.outage.as_ref().map(|outage| {
        let pauses = pauses(conference, everybody, ended_at);
        outage.report(&pauses, epochs, &conference.leaver)
    });
    let mut told = everybody
        .iter()
        .filter_map(|one| one.progress().stronger_suite);
    let stronger = told.next();
    Report {
        outage,
        mode: conference.mode.kind().name(),
        profile: conference.mode.cipher(),
        ciphersuite: conference.ciphersuite.name(),
        stronger_ciphersuite: stronger.map(MlsSuite::name),
        epochs: seen.len(),
        lost_packets: stayed.map(|one| one.unaccounted).sum(),
        epoch_changes: epoch_changes(conference, everybody, epochs),
        participants,
        removed_opened_before: leaver.opened_before,
        removed_tried: leaver.tried,
        removed_could_read: leaver.could_read,
        sfu: SfuReport {
            forwarded_packets: server.sfu.forwarded,
            inspected_payloads: inspected,
            readable_payloads: readable,
            cpu_us_per_packet: (server.cpu_us_per_packet() * 100.0).round() / 100.0,
            ..SfuReport::default()
        },
        ..Report::default()
    }
}

/// Packets that the SFU has forwarded to somebody.
pub fn forwarded_to(server: &ServerStats, who: &ParticipantId) -> u64 {
    let (routes, who) = (server.sfu.routes.iter(), who.to_string());
    routes
        .filter(|(route, _)| route.subscriber.as_str() == who)
        .map(|(_, count)| count.packets)
        .sum()
}

/// Packets that somebody has received and made something of, and how many of these were
/// duplicates.
pub fn taken(one: &Headless) -> (u64, u64) {
    let (opened, duplicates) = match one.media().mode() {
        ModeKind::Sframe => {
            let progress = one.progress();
            (progress.opened_packets, progress.superfluous_packets)
        }
        _ => {
            let stats = one.media().stats().unwrap_or_default();
            let opened = stats.total(|sender| sender.opened);
            (opened, stats.total(|sender| sender.replayed))
        }
    };
    (opened + duplicates, duplicates)
}

fn participant(
    conference: &Conference,
    everybody: &[Arc<Headless>],
    one: &Headless,
    server: &ServerStats,
    ended_at: Moment,
) -> ParticipantReport {
    let progress = one.progress();
    let stats = one.media().stats().unwrap_or_default();
    let outage = conference.outage.as_ref();
    let forwarded_to = forwarded_to(server, one.participant());
    let (taken, duplicates) = taken(one);
    let lost_by_outage = outage.map_or(0, |outage| outage.lost(one.participant()));
    let mut report = ParticipantReport {
        name: one.participant().user().to_owned(),
        joined_ms: progress.joined_at.map_or(0, millis),
        left_ms: progress.leaving_at.and(progress.ended_at).map(millis),
        first_decrypted_ms: progress
            .first_packet_at
            .map(|at| whole_millis(at, progress.asked_at)),
        sent_packets: stats.protected,
        forwarded_to,
        decrypted_packets: taken - duplicates,
        duplicates,
        unaccounted: forwarded_to.saturating_sub(taken + lost_by_outage),
        auth_failures: stats.total(|sender| sender.auth_failed),
        missing_key_drops: stats.missing_key + stats.unknown_epoch,
        wrong_stream_drops: stats.total(|sender| sender.wrong_stream),
        malformed_drops: stats.malformed + stats.unknown_leaf,
        media_intact: true,
        ..ParticipantReport::default()
    };
    report.thinnest_percent = 100;
    let others = everybody
        .iter()
        .filter(|other| other.participant() != one.participant());
    for other in others {
        let Some((from, to)) = both_present(&progress, &other.progress(), ended_at) else {
            continue;
        };
        for (ssrc, expected) in other.log().sent_between(from, to) {
            let tally = conference.frames.tally(one.participant(), ssrc, from, to);
            let pause = pause(conference, one, other, ssrc, (from, to));
            let expected = expected.saturating_sub(pause.map_or(0, |pause| pause.missed));
            report.frames_checked += tally.intact + tally.wrong;
            report.frames_expected += expected;
            report.media_intact &= tally.wrong == 0;
            if let Some(percent) = (tally.intact * 100).checked_div(expected) {
                report.thinnest_percent = report.thinnest_percent.min(percent);
            }
        }
    }
    report
}

/// What an outage did to a stream, if there was one while both were present.
fn pause(
    conference: &Conference,
    receiver: &Headless,
    sender: &Headless,
    ssrc: Ssrc,
    present: (Moment, Moment),
) -> Option<Pause> {
    let at = conference.outage.as_ref()?.at;
    let both = (receiver.participant(), sender.participant());
    let struck = (present.0..present.1).contains(&at);
    struck.then(|| conference.frames.pause(both, ssrc, at, present))
}

/// What an outage did to every stream at every receiver.
fn pauses(
    conference: &Conference,
    everybody: &[Arc<Headless>],
    ended_at: Moment,
) -> Vec<(ParticipantId, Pause)> {
    let mut pauses = Vec::new();
    for (receiver, sender) in everybody
        .iter()
        .flat_map(|one| everybody.iter().map(move |other| (one, other)))
        .filter(|(one, other)| one.participant() != other.participant())
    {
        let present = both_present(&receiver.progress(), &sender.progress(), ended_at);
        let Some(present) = present else { continue };
        let streams = sender.log().sent_between(present.0, present.1);
        let struck = streams
            .into_keys()
            .filter_map(|ssrc| pause(conference, receiver, sender, ssrc, present));
        pauses.extend(struck.map(|pause| (receiver.participant().clone(), pause)));
    }
    pauses
}

/// The time in which media of both was connected.
fn both_present(mine: &Progress, theirs: &Progress, ended_at: Moment) -> Option<(Moment, Moment)> {
    let from = mine.media_at?.max(theirs.media_at?);
    let leaving = [mine.leaving_at, theirs.leaving_at]
        .into_iter()
        .flatten()
        .min();
    let to = leaving.map_or(ended_at, |leaving| leaving.min(ended_at));
    (from < to).then_some((from, to))
}

fn epoch_changes(
    conference: &Conference,
    everybody: &[Arc<Headless>],
    epochs: &[EpochRecord],
) -> Vec<EpochReport> {
    let refused_at_end: u64 = everybody
        .iter()
        .filter_map(|one| Some(refused(&one.media().stats()?)))
        .sum();
    let next = epochs
        .iter()
        .skip(1)
        .map(|e| e.refused_so_far)
        .chain([refused_at_end]);
    epochs
        .iter()
        .zip(next)
        .map(|(record, refused_later)| EpochReport {
            epoch: record.epoch.get(),
            cause: record.cause(),
            members: record.members,
            commit_bytes: record.commit_bytes,
            ready_ms: record
                .ready
                .map(|ready| whole_millis(ready, record.accepted)),
            lost_packets: refused_later.saturating_sub(record.refused_so_far),
            exposure_ms: exposure(conference, everybody, record),
        })
        .collect()
}

/// From the request to leave until the last packet that the leaver's keys could open.
fn exposure(
    conference: &Conference,
    everybody: &[Arc<Headless>],
    record: &EpochRecord,
) -> Option<u64> {
    let leaver: &ParticipantId = record.removed.first()?;
    let asked = everybody
        .iter()
        .find(|one| one.participant() == leaver)?
        .progress()
        .leaving_at?;
    let last = conference.audit.last_before(record.epoch)?;
    Some(whole_millis(last, asked))
}

/// Whole milliseconds between two moments.
pub fn whole_millis(later: Moment, earlier: Moment) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds since the start of the conference.
pub fn millis(at: Moment) -> u64 {
    whole_millis(at, Moment::default())
}
