//! A service that lies: what stands between the honest room and its members.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mls_srtp::delivery::ServiceMessage;
use mls_srtp::time::Moment;

use super::fork::Fork;
use super::invariants::Violation;
use super::mutation::mutate;
use super::network::{ConnectionId, Direction, Frame};
use super::queue::Happening;
use super::schedule::Lie;
use super::seed::{Dice, Purpose};
use super::service::encode;
use super::world::World;

/// Old messages that may come again.
const REMEMBERED: usize = 64;

struct Running {
    lie: Lie,
    victims: Vec<usize>,
    until: Moment,
}

/// The lies that are being told, and what is held back for them.
pub struct Liar {
    dice: Dice,
    running: Vec<Running>,
    held: BTreeMap<ConnectionId, Vec<ServiceMessage>>,
    old: VecDeque<ServiceMessage>,
    pub fork: Option<Fork>,
}

impl Liar {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, Purpose::Liar),
            running: Vec::new(),
            held: BTreeMap::new(),
            old: VecDeque::new(),
            fork: None,
        }
    }

    /// The lie that is being told to somebody.
    fn lie_to(&self, who: usize, now: Moment) -> Option<Lie> {
        let to_them = |running: &&Running| running.until > now && running.victims.contains(&who);
        self.running.iter().find(to_them).map(|running| running.lie)
    }

    fn remember(&mut self, message: &ServiceMessage) {
        if let ServiceMessage::Entry(_) | ServiceMessage::Welcome { .. } = message {
            self.old.push_back(message.clone());
            if self.old.len() > REMEMBERED {
                self.old.pop_front();
            }
        }
    }

    /// What becomes of a message.
    fn twist(&mut self, lie: Lie, id: ConnectionId, message: ServiceMessage) -> Vec<Sent> {
        let strikes = self.dice.chance(40);
        match lie {
            Lie::Withhold => {
                self.held.entry(id).or_default().push(message);
                Vec::new()
            }
            Lie::Drop if strikes => Vec::new(),
            Lie::Repeat if strikes => vec![Sent::True(message.clone()), Sent::True(message)],
            Lie::Reorder => match self.held.remove(&id) {
                Some(earlier) => std::iter::once(message)
                    .chain(earlier)
                    .map(Sent::True)
                    .collect(),
                None if strikes => {
                    self.held.insert(id, vec![message]);
                    Vec::new()
                }
                None => vec![Sent::True(message)],
            },
            Lie::Replay if strikes => {
                let at = self.dice.index(self.old.len());
                let old = self.old.get(at).cloned();
                old.into_iter().chain([message]).map(Sent::True).collect()
            }
            Lie::Alter if strikes => {
                let altered = mutate(&encode(&message), &mut self.dice);
                altered.map(Sent::Altered).into_iter().collect()
            }
            _ => vec![Sent::True(message)],
        }
    }
}

/// A message as it goes out.
enum Sent {
    True(ServiceMessage),
    Altered(Vec<u8>),
}

impl World {
    pub(super) fn begin_lie(
        &mut self,
        lie: Lie,
        victims: Vec<usize>,
        span: Duration,
    ) -> Result<(), Violation> {
        let until = self.now + span;
        self.queue.put(until, Happening::LiarLetsGo);
        if lie == Lie::Fork {
            self.liar.fork = Some(Fork::of(victims, until));
        } else {
            self.liar.running.push(Running {
                lie,
                victims,
                until,
            });
        }
        Ok(())
    }

    /// A lie has ended: what it held back comes late.
    pub(super) fn liar_lets_go(&mut self) -> Result<(), Violation> {
        let now = self.now;
        self.trace.note(now, || "* a lie ends".into());
        self.liar.running.retain(|running| running.until > now);
        self.liar.fork.take_if(|fork| fork.until <= now);
        for (id, messages) in std::mem::take(&mut self.liar.held) {
            for message in messages {
                self.transmit(id, Direction::Down, Frame::Text(encode(&message)));
            }
        }
        Ok(())
    }

    /// Sends a message of the room to a client, or what the liar makes of it.
    pub(super) fn pass_on(&mut self, id: ConnectionId, who: usize, message: ServiceMessage) {
        if self.forks_off(who, &message) {
            return;
        }
        let sent = match self.liar.lie_to(who, self.now) {
            Some(lie) => self.liar.twist(lie, id, message.clone()),
            None => vec![Sent::True(message.clone())],
        };
        self.liar.remember(&message);
        for sent in sent {
            let json = match sent {
                Sent::True(message) => encode(&message),
                Sent::Altered(json) => json,
            };
            self.transmit(id, Direction::Down, Frame::Text(json));
        }
    }
}
