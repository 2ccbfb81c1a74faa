//! Looks at how much an MLS object holds before the MLS library takes it apart: a blank node and an
//! inline proposal cost a few bytes on the wire, and many times that in memory and in time.

use super::MlsSuite;

/// Most nodes of a ratchet tree: those of 4,096 leaves. An envelope has no place for so many
/// members, so most of a larger tree is blank.
pub(super) const MAX_NODES: usize = 2 * 4_096 - 1;
/// Bytes of a proposal by reference in a commit (RFC 9420 §12.4): its type, the hash's length, the
/// hash.
const REFERENCE: usize = 1 + 1 + 32;
/// Bytes that all proposals may have that stand in a commit themselves. The rules allow a change of
/// the lock, and what an external commit needs, 1,200 bytes with a post-quantum key.
const INLINE: usize = 4 * 1024;

/// Largest GroupInfo, and so what may be encrypted in a Welcome. Trees travel beside them; one inside
/// would not be seen by [`is_small_tree`].
pub(super) const MAX_GROUP_INFO: usize = 16 * 1024;
/// Bytes of an AEAD's tag.
const TAG: usize = 16;
/// What a commit has besides proposals, path and sealed secrets: framing, signature, and a leaf.
const COMMIT: usize = 16 * 1024;
/// Nodes above a leaf in the largest tree that MLS has.
const MAX_PATH: usize = 32;
/// What a secret that is sealed to somebody takes besides the KEM's output: whom it is for, the
/// secrets themselves, tag, lengths.
const SEALED: usize = 160;

/// Largest public key, or secret that is encapsulated to it, in bytes.
fn kem_bytes(suite: MlsSuite) -> usize {
    if suite.is_post_quantum() { 1_216 } else { 32 }
}

/// Largest commit in a group of so many leaves with so many open proposals: a path seals one secret
/// to each of the others at most. Everybody is sent what somebody commits.
pub(super) fn max_commit(suite: MlsSuite, leaves: usize, open: usize) -> usize {
    let kem = kem_bytes(suite);
    let path = MAX_PATH * (kem + SEALED);
    let secrets = leaves.saturating_mul(kem + SEALED);
    let proposals = open.saturating_mul(REFERENCE);
    (COMMIT + path)
        .saturating_add(secrets)
        .saturating_add(proposals)
}

/// Largest Welcome for so many newcomers.
pub(super) fn max_welcome(suite: MlsSuite, newcomers: usize) -> usize {
    let secrets = newcomers.saturating_mul(kem_bytes(suite) + SEALED);
    (MAX_GROUP_INFO + TAG + SEALED).saturating_add(secrets)
}

/// Whether the GroupInfo that is encrypted in an MLSMessage(Welcome) (RFC 9420 §12.4.3.1) is as small
/// as one without a tree.
pub(super) fn is_small_welcome(message: &[u8]) -> bool {
    let group_info = || {
        let rest = message.strip_prefix(&[0, 1, 0, 3])?;
        let (_suite, rest) = rest.split_first_chunk::<2>()?;
        let (_secrets, rest) = vector(rest)?;
        Some(vector(rest)?.0)
    };
    group_info().is_some_and(|info| info.len() <= MAX_GROUP_INFO + TAG)
}

/// Whether a ratchet tree (RFC 9420 §12.4.3.3) has no more than [`MAX_NODES`], and nothing behind
/// them. What is in the nodes is not looked at.
pub(super) fn is_small_tree(bytes: &[u8]) -> bool {
    let Some((mut nodes, [])) = vector(bytes) else {
        return false;
    };
    for _ in 0..MAX_NODES {
        if nodes.is_empty() {
            return true;
        }
        match after_node(nodes) {
            Some(rest) => nodes = rest,
            None => return false,
        }
    }
    nodes.is_empty()
}

/// Whether a message is a commit with more proposals than it may have when so many are open.
pub(super) fn has_too_many_proposals(message: &[u8], open: usize) -> bool {
    let most = open.saturating_mul(REFERENCE).saturating_add(INLINE);
    proposals_and_path(message).is_some_and(|(proposals, _)| proposals.len() > most)
}

/// The proposals of a commit in an MLSMessage(PublicMessage) (RFC 9420 §6, §12.4), and what begins
/// with its path.
pub(super) fn proposals_and_path(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = message.strip_prefix(&[0, 1, 0, 1])?;
    let (_group_id, rest) = vector(rest)?;
    let (_epoch, rest) = rest.split_first_chunk::<8>()?;
    let (sender, rest) = rest.split_first()?;
    let rest = match sender {
        // A member or an external sender, by its index.
        1 | 2 => rest.split_first_chunk::<4>()?.1,
        _ => rest,
    };
    let (_authenticated_data, rest) = vector(rest)?;
    vector(rest.strip_prefix(&[3])?)
}

/// What follows the first of some optional nodes.
fn after_node(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0, rest @ ..] => Some(rest),
        [1, 1, leaf @ ..] => after_leaf(leaf),
        [1, 2, parent @ ..] => after_vectors(3, parent),
        _ => None,
    }
}

/// What follows a LeafNode (RFC 9420 §7.2).
pub(super) fn after_leaf(bytes: &[u8]) -> Option<&[u8]> {
    let keys_gone = after_vectors(2, bytes)?;
    let (_credential_type, rest) = keys_gone.split_first_chunk::<2>()?;
    // The credential, and five lists of capabilities.
    let rest = after_vectors(1 + 5, rest)?;
    let rest = match rest.split_first()? {
        // From a key package, with its lifetime.
        (1, rest) => rest.split_first_chunk::<16>()?.1,
        (2, rest) => rest,
        // From a commit, with the parent's hash.
        (3, rest) => vector(rest)?.1,
        _ => return None,
    };
    after_vectors(2, rest)
}

fn after_vectors(count: usize, bytes: &[u8]) -> Option<&[u8]> {
    (0..count).try_fold(bytes, |rest, _| Some(vector(rest)?.1))
}

/// A vector of RFC 9420 §2.1.2, and what follows it.
pub(super) fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, _) = bytes.split_first()?;
    let length_bytes = match first >> 6 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return None,
    };
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    let length = length
        .iter()
        .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let marked = usize::from(first >> 6) << (8 * length_bytes - 2);
    rest.split_at_checked(length - marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of so many bytes.
    fn of(length: usize, byte: u8) -> Vec<u8> {
        let header = u32::try_from(length).expect("short") | 2 << 30;
        [&header.to_be_bytes()[..], &vec![byte; length]].concat()
    }

    #[test]
    fn a_vector_has_a_length_of_one_two_or_four_bytes() {
        assert_eq!(vector(&[2, 7, 8, 9]), Some((&[7, 8][..], &[9][..])));
        let long = [&[0x41, 0x00][..], &[5; 256]].concat();
        assert_eq!(vector(&long), Some((&[5; 256][..], &[][..])));
        let all = of(70_000, 1);
        assert_eq!(vector(&all).map(|(content, _)| content.len()), Some(70_000));
        assert_eq!(vector(&[3, 7, 8]), None, "cut off");
        assert_eq!(vector(&[0xc0, 0, 0, 0]), None, "no such length");
        assert_eq!(vector(&[]), None);
    }

    #[test]
    fn nodes_are_counted_whatever_they_are() {
        assert!(is_small_tree(&of(MAX_NODES, 0)));
        assert!(!is_small_tree(&of(MAX_NODES + 1, 0)));
        let parent = [1, 2, 1, 9, 0, 0];
        assert!(is_small_tree(&[&[6][..], &parent].concat()));
        assert!(!is_small_tree(&[&[5][..], &parent[..5]].concat()), "cut");
        assert!(!is_small_tree(&[&[6][..], &parent, &[0]].concat()), "more");
        assert!(!is_small_tree(&[2, 1, 3]), "no such node");
    }

    #[test]
    fn a_welcome_holds_a_group_info_without_a_tree() {
        let welcome = |info: usize| [&[0, 1, 0, 3, 0, 1, 2, 7, 7][..], &of(info, 0)].concat();
        assert!(is_small_welcome(&welcome(MAX_GROUP_INFO + TAG)));
        assert!(!is_small_welcome(&welcome(MAX_GROUP_INFO + TAG + 1)));
        assert!(!is_small_welcome(&welcome(9)[..12]), "cut off");
    }

    #[test]
    fn a_commit_holds_what_is_open_and_little_else() {
        let commit = |proposals: usize| {
            let head = [
                0, 1, 0, 1, 1, 7, 0, 0, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0, 2, 0, 3,
            ];
            [&head[..], &of(proposals, 0), &[0]].concat()
        };
        assert!(!has_too_many_proposals(&commit(INLINE), 0));
        assert!(has_too_many_proposals(&commit(INLINE + 1), 0));
        assert!(!has_too_many_proposals(&commit(INLINE + 2 * REFERENCE), 2));
        assert!(has_too_many_proposals(
            &commit(INLINE + 2 * REFERENCE + 1),
            2
        ));
        let mut external = commit(INLINE + 1);
        external.splice(14..19, [4]);
        assert!(has_too_many_proposals(&external, 0));
        let mut proposal = commit(INLINE + 1);
        proposal[20] = 2;
        assert!(!has_too_many_proposals(&proposal, 0), "that is no commit");
    }
}
