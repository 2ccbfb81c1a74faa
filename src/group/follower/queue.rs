//! The service's proposals of the current epoch, as far as the rules look at them. The MLS library
//! keeps them encoded; reading all of them again for each newcomer would stop a flash crowd.

use std::collections::{HashMap, HashSet};

use openmls::prelude::Proposal;
use openmls::prelude::hash_ref::ProposalRef;

use super::super::GroupError;
use super::members::keys_of_package;
use crate::delivery::Blob;
use crate::id::LeafIndex;

/// First two bytes of a proposal by reference in a commit: ProposalOrRefType `reference`
/// (RFC 9420 §12.4) and the length of a SHA-256 hash.
const REFERENCE_HEADER: [u8; 2] = [2, 32];

/// What is proposed in one epoch.
#[derive(Default)]
pub(super) struct Queue {
    removes: HashMap<ProposalRef, LeafIndex>,
    adds: HashMap<ProposalRef, [Vec<u8>; 3]>,
    /// The keys of all Adds.
    keys: HashSet<Vec<u8>>,
    withdrawn: HashSet<ProposalRef>,
}

impl Queue {
    /// A proposal is queued, perhaps one that was withdrawn before: the service's signatures
    /// depend on nothing but the content.
    pub(super) fn insert(
        &mut self,
        reference: ProposalRef,
        proposal: &Proposal,
    ) -> Result<(), GroupError> {
        self.withdrawn.remove(&reference);
        match proposal {
            Proposal::Add(add) => {
                let keys = keys_of_package(add.key_package())?;
                self.keys.extend(keys.iter().cloned());
                self.adds.insert(reference, keys);
            }
            Proposal::Remove(remove) => {
                let leaf = LeafIndex::try_from(remove.removed().u32());
                let leaf = leaf.map_err(|_| GroupError::TooLarge)?;
                self.removes.insert(reference, leaf);
            }
            _ => {}
        }
        Ok(())
    }

    /// A proposal is taken back.
    pub(super) fn withdraw(&mut self, reference: &ProposalRef) {
        self.removes.remove(reference);
        for key in self.adds.remove(reference).into_iter().flatten() {
            self.keys.remove(&key);
        }
        self.withdrawn.insert(reference.clone());
    }

    /// The leaves whose Remove is proposed.
    pub(super) fn removing(&self) -> Vec<LeafIndex> {
        self.removes.values().copied().collect()
    }

    pub(super) fn removes(&self, leaf: LeafIndex) -> bool {
        self.removes.values().any(|other| *other == leaf)
    }

    /// Whether a proposed newcomer brings one of these keys.
    pub(super) fn uses_any(&self, keys: &[Vec<u8>]) -> bool {
        keys.iter().any(|key| self.keys.contains(key))
    }

    /// Whether a commit refers to a proposal that was taken back. The MLS library says only that
    /// it does not know some proposal. A hash does not stand in other bytes by chance.
    pub(super) fn withdrawn_in(&self, commit: &Blob) -> bool {
        let at = REFERENCE_HEADER.len();
        !self.withdrawn.is_empty()
            && commit.as_slice().windows(at + 32).any(|bytes| {
                let reference = bytes.strip_prefix(&REFERENCE_HEADER);
                reference.is_some_and(|bytes| self.withdrawn.iter().any(|r| r.as_slice() == bytes))
            })
    }
}
