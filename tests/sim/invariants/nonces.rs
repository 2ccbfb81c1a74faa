//! No nonce is used twice, over restarts and lost state too.

use std::collections::HashSet;

use mls_srtp::epoch::GroupCode;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, Ssrc};
use mls_srtp::media::{RtpHeader, Trailer};

use super::{Violation, violated};

/// What a sender's key is made of. The code stands for the epoch's secrets: two forks of a group
/// have epochs of one number and no key in common.
type Key = (GroupId, Epoch, GroupCode, LeafIndex);

/// Every nonce that was ever used under every key.
#[derive(Default)]
pub struct Nonces {
    used: HashSet<(Key, Ssrc, u64)>,
}

impl Nonces {
    /// A packet's (group, epoch, leaf, SSRC, index) was not there before, and its trailer says the
    /// truth about it.
    ///
    /// Broken by: a restored process that sends in the epoch that it had before it died, where its
    /// counters start at nothing: `must_renew` in `KeyManager::restore_stay`, or in `enter_epoch`.
    pub fn is_new(&mut self, who: usize, key: Key, packet: &[u8]) -> Result<(), Violation> {
        let (_, epoch, _, leaf) = key;
        let Some((header, trailer)) = read(packet) else {
            return violated(
                "packets are well formed",
                format!("p{who} sent {packet:02x?}"),
            );
        };
        if trailer.mki.epoch != epoch.get() as u16 || trailer.mki.leaf != leaf {
            let detail = format!("p{who} is leaf {leaf} in {epoch}, its packet: {trailer:?}");
            return violated("packets say whose they are", detail);
        }
        let index = u64::from(trailer.roc) << 16 | u64::from(header.sequence);
        if !self.used.insert((key, header.ssrc, index)) {
            let detail = format!(
                "p{who}, leaf {leaf}, epoch {epoch}, SSRC {}, index {index}",
                header.ssrc
            );
            return violated("no nonce twice", detail);
        }
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.used.len() as u64
    }
}

fn read(packet: &[u8]) -> Option<(RtpHeader, Trailer)> {
    let header = RtpHeader::parse(packet).ok()?;
    let trailer = Trailer::parse(packet.get(header.payload())?).ok()?;
    Some((header, trailer))
}
