//! The number that two people compare to know each other's keys.

use std::fmt;

use sha2::{Digest, Sha512};

use crate::digits;
use crate::id::ParticipantId;

/// Separates this use of the hash from every other.
const DOMAIN: &[u8] = b"mls-srtp v1 safety number";
/// Hashing this often makes looking for a key with a similar number dear.
const ROUNDS: usize = 5_200;

/// Sixty decimal digits of two devices, equal for both and for as long as they keep their signature
/// keys: over epochs, rooms and calls.
///
/// The [group code](crate::epoch::GroupCode) shows that all are in one group now; this shows that
/// somebody is who they were the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SafetyNumber([[u32; 6]; 2]);

impl SafetyNumber {
    /// The number of two devices, each with its raw Ed25519 signature key, in any order.
    ///
    /// Each has six groups of five digits, of a hash over its name and key: about 99 bits. The
    /// smaller half comes first.
    pub fn new(one: (&ParticipantId, &[u8]), other: (&ParticipantId, &[u8])) -> Self {
        let mut halves = [half(one), half(other)];
        halves.sort_unstable();
        Self(halves)
    }
}

/// `H(domain ‖ name ‖ 0 ‖ key)`, then `H(hash ‖ key)` over and over; no name holds a zero byte.
fn half((participant, key): (&ParticipantId, &[u8])) -> [u32; 6] {
    let mut hash = Sha512::new_with_prefix(DOMAIN)
        .chain_update(participant.to_string())
        .chain_update([0])
        .chain_update(key)
        .finalize();
    for _ in 1..ROUNDS {
        hash = Sha512::new_with_prefix(hash).chain_update(key).finalize();
    }
    digits::six_groups(&hash)
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits::write(self.0.as_flattened(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(user: &str, device: &str) -> ParticipantId {
        ParticipantId::new(user, "example.org", device).expect("a name")
    }

    #[test]
    fn both_see_the_same_sixty_digits() {
        let (alice, bob) = (name("alice", "phone"), name("bob", "laptop"));
        let number = SafetyNumber::new((&alice, &[1; 32]), (&bob, &[2; 32]));
        assert_eq!(
            number,
            SafetyNumber::new((&bob, &[2; 32]), (&alice, &[1; 32]))
        );
        let text = number.to_string();
        assert_eq!(text.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
        assert!(text.chars().all(|c| c == ' ' || c.is_ascii_digit()));
    }

    #[test]
    fn every_key_and_name_counts() {
        let (alice, bob) = (name("alice", "phone"), name("bob", "laptop"));
        let number = SafetyNumber::new((&alice, &[1; 32]), (&bob, &[2; 32]));
        let mut key = [1; 32];
        key[31] = 0;
        let others = [
            SafetyNumber::new((&alice, &key), (&bob, &[2; 32])),
            SafetyNumber::new((&alice, &[2; 32]), (&bob, &[1; 32])),
            SafetyNumber::new((&name("alice", "phone2"), &[1; 32]), (&bob, &[2; 32])),
            SafetyNumber::new((&alice, &[1; 32]), (&name("eve", "laptop"), &[2; 32])),
        ];
        for other in others {
            assert_ne!(number, other);
        }
    }
}
