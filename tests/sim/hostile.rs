//! Somebody who sends whatever it can think of: a stranger in the room, or one of its members.

use std::collections::VecDeque;
use std::time::Duration;

use mls_srtp::delivery::{Blob, ClientMessage, MediaSignal, PROTOCOL_VERSION, Resume};
use mls_srtp::id::{Epoch, Generation, GroupId, LeafIndex, Seq};
use mls_srtp::time::Moment;

use super::invariants::Violation;
use super::mutation::mutate;
use super::network::{ConnectionId, Direction, Frame};
use super::participant::{Wants, name};
use super::queue::Happening;
use super::seed::{Dice, Purpose};
use super::service::{HEARTBEAT, room_name};
use super::trace;
use super::world::World;

/// Messages of others that it can send again.
const OVERHEARD: usize = 64;

pub struct Hostile {
    dice: Dice,
    /// A member whose connection it uses; nobody: its own.
    through: Option<usize>,
    connection: Option<ConnectionId>,
    every: Duration,
    until: Moment,
    overheard: VecDeque<Vec<u8>>,
}

impl Hostile {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, Purpose::Hostile),
            through: None,
            connection: None,
            every: Duration::ZERO,
            until: Moment::default(),
            overheard: VecDeque::new(),
        }
    }

    /// It sees what everybody sends. In truth it sees less.
    pub fn overhears(&mut self, json: &[u8]) {
        self.overheard.push_back(json.to_vec());
        if self.overheard.len() > OVERHEARD {
            self.overheard.pop_front();
        }
    }

    fn copy(&mut self) -> Option<Vec<u8>> {
        let at = self.dice.index(self.overheard.len());
        mutate(self.overheard.get(at)?, &mut self.dice)
    }

    fn blob(&mut self) -> Blob {
        let len = self.dice.index(300);
        Blob::new((0..len).map(|_| self.dice.any() as u8).collect())
    }

    /// Any message, about the room as it stands or about nothing.
    fn invent(
        &mut self,
        group_id: GroupId,
        epoch: Epoch,
        seq: Seq,
        people: usize,
    ) -> ClientMessage {
        let (blob, reason) = (self.blob(), String::from("because"));
        let seq = Seq::new((seq.get() + self.dice.below(3)).saturating_sub(1));
        let epoch = Epoch::new((epoch.get() + self.dice.below(3)).saturating_sub(1));
        let whom = self.dice.index(people);
        match self.dice.below(13) {
            0 => ClientMessage::Hello {
                version: PROTOCOL_VERSION,
                room: room_name(),
                participant: name(whom),
                token: None,
                proof: None,
                resume: Some(Resume {
                    group_id,
                    seq,
                    chain: Blob::default(),
                    session: blob,
                }),
            },
            1 => ClientMessage::Create {
                generation: Generation::new(self.dice.below(3) as u32),
                group_id,
                group_info: blob.clone(),
                tree: blob,
            },
            2 => ClientMessage::Join { key_package: blob },
            3 => ClientMessage::Evict {
                participant: name(whom),
            },
            4 => ClientMessage::Commit {
                group_id,
                epoch,
                seen_seq: seq,
                commit: blob.clone(),
                welcome: self.dice.chance(50).then(|| blob.clone()),
                group_info: blob,
            },
            5 => ClientMessage::Declined {
                group_id,
                seq,
                reason,
                code: None,
            },
            6 => ClientMessage::AskGroupInfo { group_id },
            7 => ClientMessage::ExternalCommit {
                group_id,
                epoch,
                commit: blob.clone(),
                group_info: blob,
            },
            8 => ClientMessage::Distrust {
                group_id,
                leaf: LeafIndex::new(whom as u16),
                reason,
            },
            9 => ClientMessage::Application {
                group_id,
                epoch,
                message: blob,
            },
            10 => ClientMessage::Applied {
                group_id,
                seq,
                authenticator_hash: Blob::new(vec![whom as u8; 32]),
            },
            11 => ClientMessage::CannotApply {
                group_id,
                seq,
                reason,
            },
            _ => ClientMessage::Media(MediaSignal::Offer { sdp: reason }),
        }
    }
}

impl World {
    pub(super) fn begin_hostility(
        &mut self,
        who: Option<usize>,
        every: Duration,
        span: Duration,
    ) -> Result<(), Violation> {
        let hostile = &mut self.hostile;
        (hostile.through, hostile.every) = (who, every);
        hostile.until = self.now + span;
        self.queue.put(self.now, Happening::Hostile);
        Ok(())
    }

    pub(super) fn hostile_act(&mut self) -> Result<(), Violation> {
        if self.now >= self.hostile.until {
            if let Some(id) = self.hostile.connection.take() {
                self.transmit(id, Direction::Up, Frame::Close);
            }
            return Ok(());
        }
        self.queue
            .put(self.now + self.hostile.every, Happening::Hostile);
        let Some(id) = self.hostile_connection() else {
            return Ok(());
        };
        let json = match self.hostile.dice.chance(50) {
            true => self.hostile.copy(),
            false => self.invented(),
        };
        if let Some(json) = json {
            self.trace.note(self.now, || {
                let message = serde_json::from_slice(&json).map(|message| trace::request(&message));
                format!("! {}", message.unwrap_or_else(|_| "nonsense".into()))
            });
            self.transmit(id, Direction::Up, Frame::Text(json));
        }
        Ok(())
    }

    /// The connection to speak on. A stranger makes one; a member's comes and goes.
    fn hostile_connection(&mut self) -> Option<ConnectionId> {
        if let Some(who) = self.hostile.through {
            let person = &mut self.people[who];
            // It may get itself thrown out, and nobody will miss it.
            if person.wants == Wants::In {
                person.wants = Wants::Either;
            }
            let process = person.process.as_ref()?;
            return process.connection.filter(|_| process.online);
        }
        let open = |id: &ConnectionId| self.network.get(*id).is_some_and(|c| c.service_open);
        if let Some(id) = self.hostile.connection.filter(open) {
            return Some(id);
        }
        if !self.service.is_up() {
            return None;
        }
        let stranger = self.people.len();
        let id = self.network.connect(stranger);
        self.hostile.connection = Some(id);
        self.service.connected(id, self.now);
        self.queue
            .put(self.now + HEARTBEAT, Happening::Heartbeat(id));
        let hello = ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: room_name(),
            participant: name(stranger),
            token: None,
            proof: None,
            resume: None,
        };
        let json = serde_json::to_vec(&hello).expect("encodes");
        self.transmit(id, Direction::Up, Frame::Text(json));
        Some(id)
    }

    fn invented(&mut self) -> Option<Vec<u8>> {
        let (group_id, epoch, seq) = {
            let entries = self.service.acknowledged.entries();
            let newest = entries.last()?;
            (newest.group_id, trace::epoch_of(&newest.body), newest.seq)
        };
        let people = self.people.len();
        let message = self.hostile.invent(group_id, epoch, seq, people);
        serde_json::to_vec(&message).ok()
    }
}
