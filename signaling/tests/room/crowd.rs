//! Many at once.

use mls_srtp::delivery::ServiceMessage;
use mls_srtp_signaling::RoomConfig;
use mls_srtp_signaling::room::RoomOutput;

use crate::lab::{Lab, Setup};

const USERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// The lists of committers that were sent to somebody.
fn lists(lab: &mut Lab, user: &str) -> Vec<usize> {
    let client = lab.get(user).client;
    let lists = lab.outputs.iter().filter_map(|output| match output {
        RoomOutput::Send(to, ServiceMessage::Committers { leaves, .. }) if *to == client => {
            Some(leaves.len())
        }
        _ => None,
    });
    lists.collect()
}

#[test]
fn the_list_of_committers_is_short_and_told_only_when_it_changes() {
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
