//! What of a submitted commit an outsider can check, beyond the rules that members share.

use super::provider::Provider;
use openmls::prelude::{EncryptedGroupSecrets, OpenMlsProvider, Sender, StagedCommit};

use super::{
    CommitOutcome, FollowError, GroupError, MlsSuite, Roster, credential, decode, rules, size,
};
use crate::delivery::Blob;
use crate::id::{Epoch, LeafIndex, ParticipantId};

/// The commit must come from the client that its leaf names.
pub(super) fn author(
    sender: &Sender,
    author: &ParticipantId,
    roster: &Roster,
) -> Result<LeafIndex, FollowError> {
    let Sender::Member(leaf) = sender else {
        return Err(rules::RuleViolation::Committer.into());
    };
    let leaf = LeafIndex::try_from(leaf.u32()).map_err(|_| GroupError::TooLarge)?;
    match roster.occupant(leaf) {
        Some(occupant) if **occupant == *author => Ok(leaf),
        Some(other) => Err(FollowError::NotYours(other.to_string())),
        None => Err(rules::RuleViolation::Committer.into()),
    }
}

/// An external commit must come from the client that it brings in. One that takes the place of the
/// device's old leaf keeps the signature key that was there: who merely goes by a device's name
/// does not take over its leaf without any member's consent.
pub(super) fn newcomer(
    sender: &Sender,
    newcomer: &ParticipantId,
    staged: &StagedCommit,
    signature_key: impl Fn(LeafIndex) -> Option<Blob>,
) -> Result<(), FollowError> {
    if *sender != Sender::NewMemberCommit {
        return Err(rules::RuleViolation::ExternalCommit.into());
    }
    let named = rules::external_joiner(staged)?;
    if named != *newcomer {
        return Err(FollowError::NotYours(named.to_string()));
    }
    let leaf = staged.update_path_leaf_node();
    let key = leaf.map(|leaf| leaf.signature_key().as_slice().to_vec());
    for remove in staged.remove_proposals() {
        let old = LeafIndex::try_from(remove.remove_proposal().removed().u32());
        let old = old.map_err(|_| GroupError::TooLarge)?;
        if signature_key(old).as_ref().map(Blob::as_slice) != key.as_deref() {
            return Err(rules::RuleViolation::Identity.into());
        }
    }
    Ok(())
}

/// The Welcome must be for exactly the key packages that the commit adds, and no larger than it need
/// be: with the tree it has to fit an envelope, or nobody whom it is for could enter.
pub(super) fn welcome(
    provider: &Provider,
    suite: MlsSuite,
    staged: &StagedCommit,
    welcome: Option<&Blob>,
) -> Result<(), FollowError> {
    let mut added = Vec::new();
    for add in staged.add_proposals() {
        let reference = add.add_proposal().key_package().hash_ref(provider.crypto());
        let reference = reference.map_err(|e| GroupError::library("hashing", &e))?;
        added.push(reference.as_slice().to_vec());
    }
    let mut invited = Vec::new();
    if let Some(welcome) = welcome {
        if welcome.len() > size::max_welcome(suite, added.len()) {
            return Err(GroupError::TooMuch("a Welcome").into());
        }
        let secrets = decode::welcome(welcome)?;
        let of = |s: &EncryptedGroupSecrets| s.new_member().as_slice().to_vec();
        invited.extend(secrets.secrets().iter().map(of));
    }
    added.sort();
    invited.sort();
    if added == invited {
        Ok(())
    } else {
        Err(FollowError::WrongWelcome)
    }
}

/// The GroupInfo must describe exactly the context that the commit makes, and hold the key that
/// external commits need. It must not carry a tree: trees are served by position in the log.
pub(super) fn group_info(staged: &StagedCommit, group_info: &Blob) -> Result<(), FollowError> {
    let info = decode::group_info(group_info)?;
    let fits = info.group_context() == staged.group_context()
        && info.extensions().external_pub().is_some()
        && info.extensions().ratchet_tree().is_none();
    if fits {
        Ok(())
    } else {
        Err(FollowError::WrongGroupInfo)
    }
}

pub(super) fn outcome(staged: &StagedCommit, author: LeafIndex, before: &Roster) -> CommitOutcome {
    let added = staged.add_proposals().filter_map(|add| {
        let leaf = add.add_proposal().key_package().leaf_node();
        credential::participant(leaf.credential()).ok()
    });
    let removed = staged.remove_proposals().filter_map(|remove| {
        let leaf = LeafIndex::try_from(remove.remove_proposal().removed().u32()).ok()?;
        Some((leaf, ParticipantId::clone(before.occupant(leaf)?)))
    });
    CommitOutcome {
        epoch: Epoch::new(staged.group_context().epoch().as_u64()),
        author,
        external: false,
        locked: None,
        added: added.collect(),
        removed: removed.collect(),
    }
}
