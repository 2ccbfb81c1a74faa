//! The number that two people compare to know each other's keys.

use std::fmt;

use sha2::{Digest, Sha512};

use crate::codes::{self, CodeKind, Comparison, ScanError};
use crate::digits;
use crate::id::ParticipantId;

/// Separates this use of the hash from every other.
const DOMAIN: &[u8] = b"mls-srtp v1 safety number";
/// Hashing this often makes looking for a key with a similar number dear.
const ROUNDS: usize = 5_200;

/// What a device contributes: the first bytes of a hash of its name and key.
type Half = [u8; 32];

/// Sixty decimal digits of two devices, equal for both and for as long as they keep their signature
/// keys: over epochs, rooms and calls.
///
/// The [group code](crate::epoch::GroupCode) shows that all are in one group now; this shows that
/// somebody is who they were the last time. Two numbers are equal if their digits are; their texts
/// for QR codes begin with the half of the device that shows them.
#[derive(Debug, Clone, Copy)]
pub struct SafetyNumber {
    own: Half,
    other: Half,
}

impl SafetyNumber {
    /// The number of two devices, the one that shows it first, each with its raw Ed25519 signature
    /// key.
    ///
    /// Each has six groups of five digits, of the first 30 bytes of a hash over its name and key:
    /// about 99 bits. The smaller half comes first.
    pub fn new(own: (&ParticipantId, &[u8]), other: (&ParticipantId, &[u8])) -> Self {
        Self {
            own: half(own),
            other: half(other),
        }
    }

    /// The number for a QR code: 128 bits of each half, that of the device that shows it first.
    pub fn to_qr_text(&self) -> String {
        codes::write(CodeKind::Pair, &payload(&self.own, &self.other))
    }

    /// Compares with the text that the other device shows.
    ///
    /// # Errors
    /// [`ScanError`] if it is no safety number of this version, or if it is what this device itself
    /// shows.
    pub fn compare(&self, scanned: &str) -> Result<Comparison, ScanError> {
        let scanned = codes::read(CodeKind::Pair, scanned)?;
        if scanned == payload(&self.other, &self.own) {
            Ok(Comparison::Match)
        } else if scanned == payload(&self.own, &self.other) {
            Err(ScanError::Own)
        } else {
            Ok(Comparison::Differs)
        }
    }

    fn digits(&self) -> [[u32; 6]; 2] {
        let mut halves = [self.own, self.other].map(|half| digits::six_groups(&half));
        halves.sort_unstable();
        halves
    }
}

/// The first 16 bytes of two halves.
fn payload(first: &Half, second: &Half) -> [u8; 32] {
    let mut payload = *first;
    payload[16..].copy_from_slice(&second[..16]);
    payload
}

/// `H(domain ‖ name ‖ 0 ‖ key)`, then `H(hash ‖ key)` over and over; no name holds a zero byte.
fn half((participant, key): (&ParticipantId, &[u8])) -> Half {
    let mut hash = Sha512::new_with_prefix(DOMAIN)
        .chain_update(participant.to_string())
        .chain_update([0])
        .chain_update(key)
        .finalize();
    for _ in 1..ROUNDS {
        hash = Sha512::new_with_prefix(hash).chain_update(key).finalize();
    }
    let mut half = Half::default();
    for (to, from) in half.iter_mut().zip(hash) {
        *to = from;
    }
    half
}

impl PartialEq for SafetyNumber {
    fn eq(&self, other: &Self) -> bool {
        self.digits() == other.digits()
    }
}

impl Eq for SafetyNumber {}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits::write(self.digits().as_flattened(), f)
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

    #[test]
    fn each_scans_the_other_and_nobody_itself() {
        let (alice, bob) = (name("alice", "phone"), name("bob", "laptop"));
        let at_alice = SafetyNumber::new((&alice, &[1; 32]), (&bob, &[2; 32]));
        let at_bob = SafetyNumber::new((&bob, &[2; 32]), (&alice, &[1; 32]));
        let (of_alice, of_bob) = (at_alice.to_qr_text(), at_bob.to_qr_text());
        assert_eq!(at_alice.compare(&of_bob), Ok(Comparison::Match));
        assert_eq!(at_bob.compare(&of_alice), Ok(Comparison::Match));
        assert_eq!(at_alice.compare(&of_alice), Err(ScanError::Own));
        let in_between = SafetyNumber::new((&bob, &[2; 32]), (&alice, &[3; 32]));
        let scanned = at_alice.compare(&in_between.to_qr_text());
        assert_eq!(scanned, Ok(Comparison::Differs));
        let posing = SafetyNumber::new((&bob, &[3; 32]), (&alice, &[1; 32]));
        let scanned = at_alice.compare(&posing.to_qr_text());
        assert_eq!(scanned, Ok(Comparison::Differs));
    }

    #[test]
    fn the_domain_names_the_version() {
        let domain = String::from_utf8_lossy(DOMAIN);
        assert!(domain.contains(&format!(" v{} ", codes::VERSION)));
    }
}
