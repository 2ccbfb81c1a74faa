//! What members report of an epoch, when they do not agree.

use mls_srtp::delivery::{Blob, ClientMessage};
use mls_srtp_signaling::RoomEventKind;

use crate::lab::{Lab, newest_commit};

fn report(lab: &mut Lab, user: &str, byte: u8) {
    let (group_id, _) = lab.position(user).expect("a member");
    let message = ClientMessage::Applied {
        group_id,
        seq: newest_commit(lab),
        authenticator_hash: Blob::new(vec![byte; 32]),
    };
    assert_eq!(lab.refusal(user, message), None);
}

/// Who was said to differ.
fn differing(lab: &Lab) -> Vec<String> {
    let differing = lab.happened().into_iter().filter_map(|kind| match kind {
        RoomEventKind::AuthenticatorsDiffer { reporter } => Some(reporter.user().to_owned()),
        _ => None,
    });
    differing.collect()
}

#[test]
fn members_are_compared_with_the_author_even_if_it_reports_last() {
    let mut lab = Lab::with(&["alice", "bob", "carol"]);
    assert_eq!(differing(&lab), [] as [&str; 0]);
    report(&mut lab, "alice", 1);
    assert_eq!(differing(&lab), ["bob", "carol"]);
    report(&mut lab, "bob", 1);
    report(&mut lab, "carol", 2);
    assert_eq!(differing(&lab), ["bob", "carol"], "said once in an epoch");
}

#[test]
fn without_the_author_most_members_are_right() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "dave"]);
    // Alice's commit is accepted, and she does not hear of it; nor do the others report.
    lab.renew("alice");
    let group = lab.position("alice").expect("a member").0;
    for user in ["alice", "bob", "carol", "dave"] {
        lab.get(user).held = true;
    }
    lab.get("alice").deaf = true;
    let (now, epoch) = (lab.now, lab.position("alice").expect("a member").1);
    let worn = mls_srtp::pipeline::MediaEvent::KeyWornOut { epoch };
    lab.get("alice").manager.handle_media_event(&worn, now);
    lab.pass(300);
    lab.get("alice").held = false;
    lab.pass(100);
    assert_eq!(lab.position("bob"), Some((group, epoch.next())));
    report(&mut lab, "bob", 1);
    report(&mut lab, "carol", 2);
    assert_eq!(differing(&lab), ["carol"], "of two, the first is believed");
    report(&mut lab, "dave", 2);
    assert_eq!(differing(&lab), ["carol", "bob"]);
}
