//! Many at once.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp_signaling::RoomConfig;

use crate::lab::{Lab, Setup};

const USERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// The lists of committers that were sent to somebody, other than with a ping.
fn lists(lab: &mut Lab, user: &str) -> Vec<usize> {
    let (mut lists, mut pinged) = (Vec::new(), false);
    for message in &lab.get(user).told {
        if let (ServiceMessage::Committers { leaves, .. }, false) = (message, pinged) {
            lists.push(leaves.len());
        }
        pinged = matches!(message, ServiceMessage::Ping { .. });
    }
    lists
}

#[test]
fn the_list_of_committers_is_short_and_told_when_it_changes() {
    let config = RoomConfig {
        max_committers: 3,
        ..RoomConfig::default()
    };
    let mut lab = Lab::new(Setup {
        config,
        ..Setup::default()
    });
    USERS.into_iter().for_each(|user| lab.join(user));
    assert_eq!(
        lists(&mut lab, "a"),
        [1, 2, 3],
        "nine more told her nothing"
    );
    assert_eq!(lists(&mut lab, "l"), [3], "who comes last is told, too");
    lab.leave("b");
    lab.pass(500);
    assert_eq!(lists(&mut lab, "a").len(), 4);
}
