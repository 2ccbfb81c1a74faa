//! Who sits where in one epoch, and with which keys: read once when the epoch begins, for every
//! question about a newcomer would otherwise walk through the whole tree.

use std::collections::HashMap;

use openmls::prelude::tls_codec::{Serialize as _, Size as _};
use openmls::prelude::{KeyPackage, LeafNode, PublicGroup};

use super::super::{GroupError, Roster, credential};
use crate::id::{LeafIndex, ParticipantId};

/// The members of the current epoch.
pub(super) struct Members {
    pub(super) roster: Roster,
    leaves: HashMap<ParticipantId, LeafIndex>,
    keys: HashMap<Vec<u8>, LeafIndex>,
}

impl Members {
    pub(super) fn of(group: &PublicGroup) -> Result<Self, GroupError> {
        let mut members = Vec::new();
        let mut keys = HashMap::new();
        for member in group.members() {
            let leaf = LeafIndex::try_from(member.index.u32()).map_err(|_| GroupError::TooLarge)?;
            members.push((leaf, credential::participant(&member.credential)?));
            if let Some(node) = group.leaf(member.index) {
                keys.extend(keys_of(node)?.map(|key| (key, leaf)));
            }
        }
        let leaves = members.iter().map(|(leaf, who)| (who.clone(), *leaf));
        Ok(Self {
            leaves: leaves.collect(),
            roster: Roster::new(members),
            keys,
        })
    }

    pub(super) fn leaf_of(&self, participant: &ParticipantId) -> Option<LeafIndex> {
        self.leaves.get(participant).copied()
    }

    /// The leaf that holds a key, if any does.
    pub(super) fn holder_of(&self, key: &[u8]) -> Option<LeafIndex> {
        self.keys.get(key).copied()
    }
}

/// The public keys of a leaf that must be unique in a group, encoded.
fn keys_of(leaf: &LeafNode) -> Result<[Vec<u8>; 2], GroupError> {
    let encryption_key = leaf
        .encryption_key()
        .tls_serialize_detached()
        .map_err(|e| GroupError::library("encoding a key", &e))?;
    Ok([leaf.signature_key().as_slice().to_vec(), encryption_key])
}

/// About how many bytes a newcomer takes in tree and Welcome: its leaf, and the secrets that are
/// encrypted to its init key, which is no shorter than what comes of encrypting.
pub(super) fn entry_bytes(key_package: &KeyPackage) -> usize {
    /// A reference to the key package, secrets, tag, lengths.
    const SECRETS: usize = 128;
    let leaf = key_package.leaf_node().tls_serialized_len();
    let init_key = key_package.hpke_init_key().tls_serialized_len();
    leaf.saturating_add(init_key).saturating_add(SECRETS)
}

/// The same of a key package, which has one more.
pub(super) fn keys_of_package(key_package: &KeyPackage) -> Result<[Vec<u8>; 3], GroupError> {
    let [signature_key, encryption_key] = keys_of(key_package.leaf_node())?;
    let init_key = key_package
        .hpke_init_key()
        .tls_serialize_detached()
        .map_err(|e| GroupError::library("encoding a key", &e))?;
    Ok([signature_key, encryption_key, init_key])
}
