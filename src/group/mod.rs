//! The MLS group behind a conference.

mod credential;
mod decode;
mod engine;
mod entry;
mod error;
mod follower;
mod hpke_key;
mod identity;
mod invitation;
mod mls_suite;
mod path;
mod policy;
mod provider;
mod roster;
mod rules;
mod safety_number;
mod service;
mod size;
mod submission;
mod terms;
#[cfg(test)]
mod tests;

pub use credential::{CredentialError, TOKEN_CREDENTIAL};
pub use engine::RosterChange;
pub(crate) use engine::{Accepted, Engine, Offence, ProposalRef};
pub(crate) use entry::{Door, Return};
pub use error::GroupError;
pub use follower::{
    CommitOutcome, FollowError, GroupFollower, ProposalReference, Proposed, Requeued, Requeuing,
    StagedChange,
};
pub use identity::{Identity, KeyError};
pub(crate) use invitation::{Invitation, StoredInvitation};
pub use mls_suite::{MlsSuite, UnknownMlsSuite};
pub use policy::{PolicyError, ROOM_POLICY_EXTENSION, RoomPolicy};
pub(crate) use provider::{Provider, StoredValues};
pub use roster::{Member, Roster};
pub use rules::RuleViolation;
pub use safety_number::SafetyNumber;
pub use service::ServiceIdentity;
pub use terms::TermsError;
