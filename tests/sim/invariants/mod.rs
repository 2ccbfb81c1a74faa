//! What must hold after every step, each in a function of its own.
//!
//! The ledger sees everything that participants, service and media do, and holds it against what
//! it has seen before. At each step it looks at what that step brought, so that nothing is left
//! out and nothing is looked at twice.

mod agreement;
mod calm;
mod history;
mod nonces;
mod removal;

use std::collections::HashMap;
use std::fmt;

use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use mls_srtp::epoch::GroupCode;
use mls_srtp::event::Event;
use mls_srtp::id::{Epoch, GroupId, LeafIndex};
use mls_srtp::pipeline::MediaUpdate;

use super::participant::{Participant, Wants, ends};
use super::schedule::Flavour;
use super::service::Acknowledged;
use agreement::Agreement;
pub use calm::{Heard, check_converged, check_end, check_nothing_refused};
use history::History;
use nonces::Nonces;
use removal::Hoards;
pub use removal::check_exposure;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub rule: &'static str,
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

pub fn violated<T>(rule: &'static str, detail: impl Into<String>) -> Result<T, Violation> {
    let detail = detail.into();
    Err(Violation { rule, detail })
}

/// Where a participant is, by what its key manager gave its media pipeline.
#[derive(Debug, Default)]
struct View {
    place: Option<(GroupId, Epoch, LeafIndex)>,
    /// The code of each epoch of this group that it has been in.
    codes: HashMap<Epoch, GroupCode>,
    /// Its stay has ended, and nothing has begun since.
    ended: bool,
}

/// All that has been seen.
pub struct Ledger {
    flavour: Flavour,
    views: Vec<View>,
    agreement: Agreement,
    nonces: Nonces,
    hoards: Hoards,
    history: History,
}

impl Ledger {
    pub fn new(flavour: Flavour, people: usize, acknowledged: Acknowledged) -> Self {
        Self {
            flavour,
            views: (0..people).map(|_| View::default()).collect(),
            agreement: Agreement::default(),
            nonces: Nonces::default(),
            hoards: Hoards::default(),
            history: History::new(people, acknowledged),
        }
    }

    /// Nothing will be sent, so nobody needs to keep keys.
    pub fn expects_no_media(&mut self) {
        self.hoards.off = true;
    }

    /// A process starts: it is nowhere, whatever the one before it was.
    pub fn started(&mut self, who: usize) {
        self.views[who] = View::default();
        self.history.begins_anew(who);
        self.hoards.begin_anew(who);
    }

    /// A participant asks to join again after a stay that ended.
    pub fn asked_to_join(&mut self, who: usize) {
        self.views[who].ended = false;
    }

    /// What the service has sent arrives.
    pub fn arrives(&mut self, who: usize, message: &ServiceMessage) {
        if let ServiceMessage::Entry(entry) = message {
            self.history.arrives(who, entry);
        }
    }

    /// A liar made an entry up, or changed one.
    pub fn forged(&mut self, message: &ServiceMessage) {
        if let ServiceMessage::Entry(entry) = message {
            self.history.forged(entry);
        }
    }

    /// What a key manager tells its pipeline.
    pub fn keys(&mut self, who: usize, update: &MediaUpdate) {
        match update {
            MediaUpdate::Install(secrets) => {
                let view = &mut self.views[who];
                if view
                    .place
                    .is_none_or(|(group, ..)| group != secrets.group_id)
                {
                    view.codes.clear();
                }
                view.place = Some((secrets.group_id, secrets.epoch, secrets.own_leaf));
                self.hoards.keep(who, secrets);
            }
            MediaUpdate::Close => {
                self.views[who].codes.clear();
                self.history.begins_anew(who);
                self.hoards.begin_anew(who);
            }
            _ => {}
        }
    }

    /// What a key manager tells its application.
    pub fn event(&mut self, who: usize, event: &Event) -> Result<(), Violation> {
        if ends(event) {
            self.ends_once(who, event)?;
        }
        let Event::EpochChanged {
            epoch,
            removed,
            roster,
            code,
            ..
        } = event
        else {
            return Ok(());
        };
        let view = &mut self.views[who];
        let Some((group, ..)) = view.place.filter(|(_, installed, _)| installed == epoch) else {
            return violated(
                "keys come first",
                format!("p{who} has no keys of epoch {epoch}"),
            );
        };
        view.codes.insert(*epoch, *code);
        self.hoards.switched(who, group, *epoch, removed);
        self.agreement.holds(who, (group, *epoch), *code, roster)?;
        if !self.flavour.service_lies() {
            self.agreement.is_one(who, (group, *epoch), *code)?;
        }
        self.history.grows(who, group, *epoch)
    }

    /// A stay ends once, with one event that says how.
    ///
    /// Broken by: a close of the connection that is told after the removal was, in
    /// `KeyManager::handle_closed`.
    fn ends_once(&mut self, who: usize, event: &Event) -> Result<(), Violation> {
        if std::mem::replace(&mut self.views[who].ended, true) {
            return violated(
                "a stay ends once",
                format!("p{who} heard {event:?} after its end"),
            );
        }
        Ok(())
    }

    /// What a participant sends to the service.
    pub fn reports(&mut self, who: usize, message: &ClientMessage) -> Result<(), Violation> {
        let view = &self.views[who];
        match (message, view.place) {
            (
                ClientMessage::Applied {
                    authenticator_hash, ..
                },
                Some((_, epoch, _)),
            ) => match view.codes.get(&epoch) {
                Some(code) => self.agreement.reported(who, *code, authenticator_hash),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A participant has protected a packet, in the epoch that its pipeline sends in.
    pub fn protected(
        &mut self,
        who: usize,
        sending: Option<Epoch>,
        packet: &[u8],
    ) -> Result<(), Violation> {
        let view = &self.views[who];
        let (Some((group, _, leaf)), Some(epoch)) = (view.place, sending) else {
            return violated("keys come first", format!("p{who} sends without an epoch"));
        };
        let Some(code) = view.codes.get(&epoch) else {
            return violated(
                "keys come first",
                format!("p{who} sends in unknown {epoch}"),
            );
        };
        self.nonces
            .is_new(who, (group, epoch, *code, leaf), packet)?;
        self.hoards.open_nothing(who, packet)
    }

    /// Whether all who want to be in the room show one code. Says who does not.
    pub fn are_not_forked(&self, people: &[Participant]) -> Result<(), String> {
        let present = people.iter().filter(|person| person.wants == Wants::In);
        let codes = present.map(|person| {
            let view = &self.views[person.who];
            let code = view.place.and_then(|(_, epoch, _)| view.codes.get(&epoch));
            (person.who, code)
        });
        let codes: Vec<_> = codes.collect();
        match codes.iter().find(|(_, code)| *code != codes[0].1) {
            Some((who, _)) => Err(format!("p{who} and p{} are in a fork", codes[0].0)),
            None => Ok(()),
        }
    }

    /// How often each check was made: a run in which an invariant had nothing to look at proves
    /// nothing about it.
    pub fn looks(&self) -> Looks {
        Looks {
            epochs: self.agreement.count(),
            packets: self.nonces.count(),
            hoards: self.hoards.tries(),
            commits: self.history.count(),
        }
    }

    /// Every accepted commit is in the history of everybody who is in the group.
    pub fn is_up_to_date(&self, who: usize) -> Result<(), Violation> {
        self.history.is_complete(who)
    }
}

/// How much the invariants had to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Entries of a member into an epoch that another member was in.
    pub epochs: u64,
    /// Protected packets.
    pub packets: u64,
    /// Attempts of removed members to open a packet.
    pub hoards: u64,
    /// Applied commits.
    pub commits: u64,
}

impl std::ops::AddAssign for Looks {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.packets += other.packets;
        self.hoards += other.hoards;
        self.commits += other.commits;
    }
}
