//! The public keys that a commit's path puts into the tree (RFC 9420 §7.6). The MLS library shows
//! nobody but the leaf's.

use openmls_traits::types::Ciphersuite;

use super::hpke_key::can_be_sealed_to;
use super::rules::RuleViolation;
use super::size::{after_leaf, proposals_and_path, vector};

/// Secrets are sealed to each of these keys by whoever commits past it. One to which nothing can be
/// sealed would keep half of the group from committing until its author commits again; those who can
/// tell that it does not follow from the path's secrets may be too few to have the author removed.
pub(super) fn check_keys(message: &[u8], suite: Ciphersuite) -> Result<(), RuleViolation> {
    let keys = keys(message).unwrap_or_default();
    if keys.iter().all(|key| can_be_sealed_to(suite, key)) {
        Ok(())
    } else {
        Err(RuleViolation::EncryptionKey)
    }
}

/// Most nodes of a path: a tree has leaves of 32 bits (RFC 9420 §7.1), and a level for each.
const MAX_NODES: usize = 32;

/// Whether a message is a commit with more nodes in its path than any tree has levels.
pub(super) fn is_too_long(message: &[u8]) -> bool {
    keys(message).is_some_and(|keys| keys.len() > MAX_NODES)
}

/// The keys of the nodes above the leaf, no more of them than show that they are too many; `None` if
/// the message is no commit with a path.
pub(super) fn keys(message: &[u8]) -> Option<Vec<&[u8]>> {
    let (_proposals, path) = proposals_and_path(message)?;
    let (nodes, _) = vector(after_leaf(path.strip_prefix(&[1])?)?)?;
    let mut rest = nodes;
    let mut keys = Vec::new();
    while !rest.is_empty() && keys.len() <= MAX_NODES {
        let (key, secrets) = vector(rest)?;
        keys.push(key);
        rest = vector(secrets)?.1;
    }
    Some(keys)
}
