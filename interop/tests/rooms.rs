//! Every scenario with every other implementation alone, and with all of them in one room, over a
//! real service.

use interop::call::Call;
use interop::peer::PeerKind;
use interop::report::Report;
use interop::scenario::Scenario;
use interop::service;
use mls_srtp::id::RoomName;

/// Plays it; everything that everybody has must be equal.
async fn agrees(scenario: Scenario, peers: &[PeerKind]) {
    let url = service::start().await.expect("a service");
    let room = RoomName::new("room").expect("a name");
    let report = Report::of(scenario, Call::new(&url, room), peers).await;
    assert!(report.agreed, "{report}");
}

macro_rules! rooms_with {
    ($peers:expr) => {
        rooms_with! { $peers;
            they_join_a_group_of_ours: Join,
            we_join_a_group_of_theirs: Create,
            they_come_back_without_their_state: Return,
            they_follow_when_we_come_back: WeReturn,
            we_follow_their_commits: Commit,
            they_leave_out_what_is_withdrawn: Withdraw,
            they_leave_and_know_it: Leave,
            they_know_that_we_removed_them: Evict,
            they_commit_that_we_leave: WeLeave,
            they_remove_us: Remove,
        }
    };
    ($peers:expr; $($name:ident: $scenario:ident,)*) => {
        use super::*;

        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                agrees(Scenario::$scenario, $peers).await;
            }
        )*
    };
}

mod mls_rs {
    rooms_with!(&[PeerKind::MlsRs]);
}

mod ts_mls {
    rooms_with!(&[PeerKind::TsMls]);
}

mod all {
    rooms_with!(&PeerKind::ALL);
}

mod all_the_other_way_round {
    rooms_with!(&[PeerKind::TsMls, PeerKind::MlsRs]);
}
