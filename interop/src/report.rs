//! What a run showed: everybody's secrets side by side, and whether they are equal.

use std::collections::{BTreeMap, BTreeSet};

use mls_srtp::id::{Epoch, GroupId, ParticipantId};
use serde::Serialize;

use crate::call::Call;
use crate::media;
use crate::peer::PeerKind;
use crate::reading::Reading;
use crate::scenario::{Check, Scenario};

/// One scenario, played once. It holds secrets of a group that is over.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Who took part besides ours.
    pub peers: Vec<&'static str>,
    /// Which scenario.
    pub scenario: &'static str,
    /// Whether all that follows is as it must be.
    pub agreed: bool,
    /// Where the story broke off, if it did.
    pub error: Option<String>,
    /// What must be so besides equal secrets.
    pub checks: Vec<Check>,
    /// Every epoch, in order.
    pub epochs: Vec<EpochReport>,
}

/// What everybody had in one epoch.
#[derive(Debug, Serialize)]
pub struct EpochReport {
    /// The group, in hex.
    pub group_id: GroupId,
    /// The epoch.
    pub epoch: Epoch,
    /// Whether every member was heard, all values are equal, and all packets passed.
    pub agreed: bool,
    /// Everybody, as its own implementation has it.
    pub members: Vec<MemberReport>,
    /// Packets between different implementations.
    pub packets: Vec<PacketReport>,
}

/// What one member had.
#[derive(Debug, Serialize)]
pub struct MemberReport {
    /// Who.
    pub participant: ParticipantId,
    /// With which implementation.
    pub implementation: &'static str,
    /// Its leaf.
    pub leaf: u32,
    /// The epoch authenticator, in hex.
    pub epoch_authenticator: String,
    /// The exporter's output, in hex.
    pub exporter: String,
    /// Every sender's keys, derived from that.
    pub senders: Vec<SenderReport>,
}

/// One sender's SRTP keys.
#[derive(Debug, Serialize)]
pub struct SenderReport {
    /// Its leaf.
    pub leaf: u32,
    /// Who.
    pub participant: ParticipantId,
    /// SRTP master key, in hex.
    pub master_key: String,
    /// SRTP master salt, in hex.
    pub master_salt: String,
}

/// A packet that one member protected.
#[derive(Debug, Serialize)]
pub struct PacketReport {
    /// Who protected it.
    pub from: ParticipantId,
    /// Who was to open it.
    pub to: ParticipantId,
    /// Whether it did.
    pub opened: bool,
}

impl Report {
    /// Plays a scenario in a vacant room of the service at `url`.
    pub async fn of(scenario: Scenario, mut call: Call, peers: &[PeerKind]) -> Self {
        let played = scenario.play(&mut call, peers).await;
        let mut by_epoch: BTreeMap<(Epoch, GroupId), Vec<&Reading>> = BTreeMap::new();
        for reading in call.readings() {
            let at = (reading.secrets.epoch, reading.secrets.group_id);
            by_epoch.entry(at).or_default().push(reading);
        }
        let epochs: Vec<_> = by_epoch
            .values()
            .filter_map(|all| EpochReport::of(all))
            .collect();
        let (checks, error) = match played {
            Ok(checks) => (checks, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let agreed = error.is_none()
            && !epochs.is_empty()
            && epochs.iter().all(|epoch| epoch.agreed)
            && checks.iter().all(|check| check.held);
        Self {
            peers: peers.iter().map(|kind| kind.name()).collect(),
            scenario: scenario.title(),
            agreed,
            error,
            checks,
            epochs,
        }
    }
}

impl EpochReport {
    /// Compares what was read of one epoch; nothing if that is nothing.
    pub fn of(readings: &[&Reading]) -> Option<Self> {
        let (first, rest) = readings.split_first()?;
        let names: BTreeSet<_> = readings.iter().map(|reading| &reading.who).collect();
        let roster = first.secrets.roster.iter();
        let expected: BTreeSet<_> = roster.map(|member| &*member.participant).collect();
        let equal = rest.iter().all(|other| other.agrees_with(first));
        let packets = packets(readings);
        Some(Self {
            group_id: first.secrets.group_id,
            epoch: first.secrets.epoch,
            agreed: names == expected
                && readings.len() == expected.len()
                && equal
                && packets.iter().all(|packet| packet.opened),
            members: readings
                .iter()
                .map(|reading| MemberReport::of(reading))
                .collect(),
            packets,
        })
    }
}

/// Everybody sends one to everybody who has another implementation.
fn packets(readings: &[&Reading]) -> Vec<PacketReport> {
    let pairs = readings
        .iter()
        .flat_map(|from| readings.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| from.implementation != to.implementation)
        .map(|(from, to)| PacketReport {
            from: from.who.clone(),
            to: to.who.clone(),
            opened: media::passes(from, to),
        })
        .collect()
}

impl MemberReport {
    fn of(reading: &Reading) -> Self {
        let senders = reading.senders().into_iter();
        Self {
            participant: reading.who.clone(),
            implementation: reading.implementation,
            leaf: reading.secrets.own_leaf.into(),
            epoch_authenticator: hex(reading.authenticator.expose()),
            exporter: hex(reading.exported()),
            senders: senders
                .map(|(leaf, participant, key)| SenderReport {
                    leaf: leaf.into(),
                    participant,
                    master_key: hex(key.key().expose()),
                    master_salt: hex(key.salt().expose()),
                })
                .collect(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
