//! The MLS group behind a conference.

mod credential;
mod decode;
mod engine;
mod error;
mod follower;
mod policy;
mod roster;
mod rules;
mod service;
mod submission;
mod terms;
#[cfg(test)]
mod tests;

pub use credential::CredentialError;
pub(crate) use engine::{Engine, Invitation, Processed};
pub use engine::{Identity, RosterChange};
pub use error::GroupError;
pub use follower::{
    CommitOutcome, FollowError, GroupFollower, ProposalReference, Proposed, StagedChange,
};
pub use policy::{MediaMode, PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy};
pub use roster::{Member, Roster};
pub use rules::RuleViolation;
pub use service::ServiceIdentity;
pub use terms::TermsError;
