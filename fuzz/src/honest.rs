//! An honest call, recorded once in a process: what good messages look like, to be edited.

use std::sync::OnceLock;
use std::time::Duration;

use mls_srtp::delivery::{ClientMessage, LogEntry};
use mls_srtp::group::{RoomPolicy, ServiceIdentity};
use mls_srtp::manager::SavedState;

use crate::world::{Way, World};

/// Three people enter, and the last one loses its state and comes back.
pub(crate) struct Call {
    pub(crate) policy: RoomPolicy,
    pub(crate) service: ServiceIdentity,
    /// What was sent to the service, in order.
    pub(crate) up: Vec<ClientMessage>,
    pub(crate) log: Vec<LogEntry>,
    /// What Alice keeps on disk at the end, and what Bob kept before the last commit.
    pub(crate) saved: [SavedState; 2],
}

/// It.
pub(crate) fn call() -> &'static Call {
    static CALL: OnceLock<Call> = OnceLock::new();
    CALL.get_or_init(record)
}

fn record() -> Call {
    let mut world = World::new(3);
    let saved = |world: &mut World, who| world.person(who).manager.save().expect("encodes");
    world.command(0, |manager, _| manager.publish_key_packages(1));
    world.settle();
    let bob = saved(&mut world, 1);
    world.lose_state(2);
    world.run(Duration::from_secs(1));
    let texts = world.all_past(Way::Up);
    let up = texts.filter_map(|json| serde_json::from_slice(json).ok());
    Call {
        up: up.collect(),
        log: world.log(),
        policy: world.policy(),
        service: world.service(),
        saved: [saved(&mut world, 0), bob],
    }
}
