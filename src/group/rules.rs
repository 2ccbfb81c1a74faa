use super::{RoomPolicy, Roster};
use openmls::prelude::*;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule")]
pub struct RuleViolation;
pub(crate) fn check_proposal(_: &QueuedProposal) -> Result<(), RuleViolation> {
    Ok(())
}
pub(crate) fn check_commit(
    _: &StagedCommit,
    _: &Sender,
    _: &Roster,
    _: &Extensions<GroupContext>,
    _: &RoomPolicy,
) -> Result<(), RuleViolation> {
    Ok(())
}
