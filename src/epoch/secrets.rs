//! What media needs of an epoch.

use crate::group::Roster;
use crate::id::{Epoch, GroupId, LeafIndex};
use crate::schedule::MediaSecret;

/// The exporter's view of one epoch, made only for an epoch whose commit the service accepted.
///
/// `Clone` copies the secret; every copy zeroizes itself.
#[derive(Debug, Clone)]
pub struct EpochSecrets {
    /// The group; another group's epochs share nothing with this one's.
    pub group_id: GroupId,
    /// The epoch.
    pub epoch: Epoch,
    /// Our own leaf in it.
    pub own_leaf: LeafIndex,
    /// Who holds which leaf in it.
    pub roster: Roster,
    /// What media is protected with, by the room's mode.
    pub media: MediaSecret,
}
