//! A service that shows some members another history: their own commit instead of the accepted one.
//!
//! What the room says to the victims after the split does not reach them, and what they say to the
//! room goes no further than the liar, who orders it for them alone, in a log with a hash chain as
//! it should be.

use mls_srtp::delivery::{Blob, ClientMessage, LogBody, LogEntry, ServiceMessage, chain};
use mls_srtp::id::{Epoch, GroupId, LeafIndex, Seq};
use mls_srtp::time::Moment;

use super::invariants::Violation;
use super::network::{Direction, Frame};
use super::service::encode;
use super::world::World;

/// A fork that is being made or exists.
pub struct Fork {
    victims: Vec<usize>,
    pub until: Moment,
    /// The group, and the log as the victims have it.
    shown: Option<Shown>,
    split: bool,
}

#[derive(Clone)]
struct Shown {
    group_id: GroupId,
    seq: Seq,
    chain: Blob,
}

impl Fork {
    pub fn of(victims: Vec<usize>, until: Moment) -> Self {
        Self {
            victims,
            until,
            shown: None,
            split: false,
        }
    }

    /// Follows what is still shown to everybody.
    fn follow(&mut self, entry: &LogEntry) {
        // Whoever returns is shown older entries again.
        if self
            .shown
            .as_ref()
            .is_some_and(|s| s.group_id == entry.group_id && s.seq >= entry.seq)
        {
            return;
        }
        self.shown = Some(Shown {
            group_id: entry.group_id,
            seq: entry.seq,
            chain: entry.chain.clone(),
        });
    }
}

/// Whether a message of the room speaks of the log, and so would give the fork away.
fn speaks_of_the_log(message: &ServiceMessage) -> bool {
    matches!(
        message,
        ServiceMessage::Entry(_)
            | ServiceMessage::Committers { .. }
            | ServiceMessage::Ready { .. }
            | ServiceMessage::Ping { .. }
    )
}

impl World {
    /// Whether a message of the room to somebody is kept from them because of a fork.
    pub(super) fn forks_off(&mut self, who: usize, message: &ServiceMessage) -> bool {
        let Some(fork) = self.liar.fork.as_mut() else {
            return false;
        };
        if !fork.victims.contains(&who) {
            return false;
        }
        match message {
            // Whoever enters or returns now is shown what the room says.
            ServiceMessage::Welcome { .. } | ServiceMessage::Room { .. } => {
                fork.victims.retain(|victim| *victim != who);
                false
            }
            ServiceMessage::Entry(entry) if !fork.split => {
                let splits = matches!(entry.body, LogBody::Commit { .. });
                if splits && fork.shown.is_some() {
                    self.split();
                    return true;
                }
                fork.follow(entry);
                false
            }
            _ => fork.split && speaks_of_the_log(message),
        }
    }

    /// From now on the victims have a log of their own, and one of them is to commit.
    fn split(&mut self) {
        let Some(fork) = self.liar.fork.as_mut() else {
            return;
        };
        fork.split = true;
        let victims = fork.victims.clone();
        let Some(group_id) = fork.shown.as_ref().map(|shown| shown.group_id) else {
            return;
        };
        let leaves = victims.iter().filter_map(|who| self.leaf_of(*who));
        let mut leaves: Vec<_> = leaves.collect();
        leaves.sort_unstable();
        self.trace
            .note(self.now, || format!("* the liar forks p{victims:?} off"));
        self.tell(&victims, &ServiceMessage::Committers { group_id, leaves });
    }

    fn leaf_of(&self, who: usize) -> Option<LeafIndex> {
        let person = &self.people[who];
        let roster = person.process.as_ref()?.manager.roster()?;
        roster.leaf_of(&person.name)
    }

    fn tell(&mut self, victims: &[usize], message: &ServiceMessage) {
        for who in victims {
            let process = self.people[*who].process.as_ref();
            if let Some(id) = process.and_then(|process| process.connection) {
                self.transmit(id, Direction::Down, Frame::Text(encode(message)));
            }
        }
    }

    /// Whether what somebody says is kept from the room because of a fork.
    pub(super) fn keeps_from_room(&mut self, who: usize, json: &[u8]) -> Result<bool, Violation> {
        let Some(fork) = self.liar.fork.as_ref() else {
            return Ok(false);
        };
        if !fork.victims.contains(&who) {
            return Ok(false);
        }
        let split = fork.split;
        match serde_json::from_slice(json) {
            Ok(ClientMessage::Commit {
                group_id,
                epoch,
                commit,
                ..
            }) => Ok(self.forge(who, group_id, epoch, commit)),
            Ok(ClientMessage::Applied { .. } | ClientMessage::Application { .. }) => Ok(split),
            _ => Ok(false),
        }
    }

    /// Takes a victim's commit for the victims' own history.
    fn forge(&mut self, who: usize, group_id: GroupId, epoch: Epoch, commit: Blob) -> bool {
        let author = self.leaf_of(who);
        let Some(fork) = self.liar.fork.as_mut() else {
            return false;
        };
        let (Some(shown), Some(author)) = (fork.shown.clone(), author) else {
            return false;
        };
        if shown.group_id != group_id {
            return false;
        }
        fork.split = true;
        let body = LogBody::Commit {
            epoch,
            author,
            commit,
        };
        let seq = shown.seq.next();
        let entry = LogEntry {
            group_id,
            seq,
            term: 0,
            chain: chain::next(&shown.chain, group_id, seq, 0, &body),
            body,
        };
        fork.follow(&entry);
        let victims = fork.victims.clone();
        self.trace.note(self.now, || {
            format!("* the liar gives p{victims:?} the commit of p{who} as entry {seq}")
        });
        let message = ServiceMessage::Entry(entry);
        self.ledger.forged(&message);
        self.tell(&victims, &message);
        true
    }
}
