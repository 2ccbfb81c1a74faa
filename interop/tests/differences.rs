//! A report that finds everything equal is worth what it says of what is not.

use interop::reading::Reading;
use interop::report::EpochReport;
use mls_srtp::epoch::EpochSecrets;
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use mls_srtp::schedule::{ExportedSecret, HASH_LEN, MediaSecret, Profile};
use mls_srtp::secret::Secret;

fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

/// What a member of a group of two has, its secrets made of these bytes.
fn reading(leaf: u16, exporter: u8, authenticator: u8) -> Reading {
    let names = [name("alice"), name("bob")];
    let (user, implementation) = [("alice", "one"), ("bob", "other")][usize::from(leaf)];
    let exported = ExportedSecret::new(Secret::new(vec![exporter; HASH_LEN]));
    Reading {
        who: name(user),
        implementation,
        secrets: EpochSecrets {
            group_id: GroupId::new([7; 16]),
            epoch: Epoch::new(1),
            own_leaf: LeafIndex::new(leaf),
            roster: Roster::new((0..).map(LeafIndex::new).zip(names)),
            media: MediaSecret::Srtp(Profile::default(), exported),
        },
        authenticator: Secret::new(vec![authenticator; HASH_LEN]),
    }
}

fn report(readings: &[Reading]) -> EpochReport {
    let all: Vec<_> = readings.iter().collect();
    EpochReport::of(&all).expect("somebody was heard")
}

#[test]
fn equal_values_agree_and_every_packet_passes() {
    let report = report(&[reading(0, 1, 2), reading(1, 1, 2)]);
    assert!(report.agreed, "{report}");
    assert_eq!(report.packets.len(), 2);
    assert!(report.packets.iter().all(|packet| packet.opened));
    assert!(!report.to_string().contains("DIFFERS"));
}

#[test]
fn another_authenticator_is_no_agreement() {
    let report = report(&[reading(0, 1, 2), reading(1, 1, 3)]);
    assert!(!report.agreed);
    assert!(report.to_string().contains("DIFFERS"));
}

#[test]
fn another_exporter_gives_other_keys_and_opens_nothing() {
    let report = report(&[reading(0, 1, 2), reading(1, 9, 2)]);
    assert!(!report.agreed);
    let keys = |member: usize| &report.members[member].senders[0].master_key;
    assert_ne!(keys(0), keys(1));
    assert!(report.packets.iter().all(|packet| !packet.opened));
}

#[test]
fn another_roster_is_no_agreement() {
    let mut other = reading(1, 1, 2);
    let swapped = [name("bob"), name("alice")];
    other.secrets.roster = Roster::new((0..).map(LeafIndex::new).zip(swapped));
    assert!(!report(&[reading(0, 1, 2), other]).agreed);
}

#[test]
fn who_was_not_heard_has_not_agreed() {
    assert!(!report(&[reading(0, 1, 2)]).agreed);
    let twice = [reading(0, 1, 2), reading(1, 1, 2), reading(1, 1, 2)];
    assert!(!report(&twice).agreed);
}
