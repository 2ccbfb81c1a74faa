//! Hashes as digits that people read to each other.

use std::fmt;

/// Six groups of five digits, each 40 bits of the hash modulo 100,000: about 99 bits in all.
pub(crate) fn six_groups(hash: &[u8]) -> [u32; 6] {
    let mut groups = [0; 6];
    for (group, bytes) in groups.iter_mut().zip(hash.chunks_exact(5)) {
        let number = bytes
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        *group = (number % 100_000) as u32;
    }
    groups
}

/// Writes groups with a space between them.
pub(crate) fn write(groups: &[u32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, group) in groups.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        write!(f, "{space}{group:05}")?;
    }
    Ok(())
}
