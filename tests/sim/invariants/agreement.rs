//! Members in one epoch of one group hold one authenticator and one roster.

use std::collections::HashMap;

use mls_srtp::delivery::Blob;
use mls_srtp::epoch::GroupCode;
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId};

use super::{Violation, violated};

type Numbered = (GroupId, Epoch);

/// What the first member said of each epoch.
#[derive(Default)]
pub struct Agreement {
    codes: HashMap<Numbered, (usize, GroupCode)>,
    rosters: HashMap<(Numbered, GroupCode), (usize, Roster)>,
    hashes: HashMap<GroupCode, (usize, Blob)>,
    compared: u64,
}

impl Agreement {
    /// Who shows the same code for an epoch is in the same epoch: one roster.
    ///
    /// Broken by: a code that does not depend on the history, such as one made of the group's id,
    /// in `GroupCode::new`; a roster read from an older epoch in `Engine::secrets`.
    pub fn holds(
        &mut self,
        who: usize,
        epoch: Numbered,
        code: GroupCode,
        roster: &Roster,
    ) -> Result<(), Violation> {
        let first = self.rosters.entry((epoch, code));
        let (other, first) = first.or_insert_with(|| (who, roster.clone()));
        self.compared += u64::from(*other != who);
        if first != roster {
            let detail = format!(
                "p{who} and p{other} show one code in epoch {} and other members: {roster:?}, {first:?}",
                epoch.1
            );
            return violated("one epoch, one roster", detail);
        }
        Ok(())
    }

    /// Without a lying service there is one code for each epoch of a group.
    ///
    /// Broken by: `Room::commit` without its comparison of epochs, by merging a commit of one's own
    /// before the service accepted it, or by skipping the hash chain in `Stay::follow`.
    pub fn is_one(
        &mut self,
        who: usize,
        epoch: Numbered,
        code: GroupCode,
    ) -> Result<(), Violation> {
        let (other, first) = *self.codes.entry(epoch).or_insert((who, code));
        if first != code {
            let detail = format!("p{who} and p{other} have forked in epoch {}", epoch.1);
            return violated("one epoch, one authenticator", detail);
        }
        Ok(())
    }

    /// The code that people compare and the hash that the service compares say the same.
    ///
    /// Broken by: a code that leaves a part of the authenticator out.
    pub fn reported(&mut self, who: usize, code: GroupCode, hash: &Blob) -> Result<(), Violation> {
        let first = self.hashes.entry(code);
        let (other, first) = first.or_insert_with(|| (who, hash.clone()));
        if first != hash {
            let detail = format!("p{who} and p{other} show one code for two authenticators");
            return violated("one code, one authenticator", detail);
        }
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.compared
    }
}
