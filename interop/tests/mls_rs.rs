//! mls-rs in rooms with ours.

use interop::call::Call;
use interop::peer::PeerKind;
use interop::report::Report;
use interop::scenario::Scenario;
use interop::service;
use mls_srtp::id::RoomName;

async fn agrees(scenario: Scenario) {
    let url = service::start().await.expect("a service");
    let room = RoomName::new("room").expect("a name");
    let report = Report::of(scenario, Call::new(&url, room), &[PeerKind::MlsRs]).await;
    assert!(report.agreed, "{report}");
}

#[tokio::test]
async fn joins_a_group_of_ours() {
    agrees(Scenario::Join).await;
}
