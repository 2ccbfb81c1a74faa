//! The room among strangers and a hostile member who say whatever they can think of.

use std::collections::VecDeque;
use std::time::Duration;

use arbitrary::Arbitrary;
use mls_srtp::delivery::{Blob, ClientMessage, LogEntry, MediaSignal, PROTOCOL_VERSION, Resume};
use mls_srtp::id::{Epoch, Generation, GroupId, LeafIndex, Seq};
use serde_json::Value;

use crate::edit::{Edit, edited};
use crate::json::{JsonEdit, changed};
use crate::structured;
use crate::world::{Queued, Way, World, name, room_name};

/// Alice and Bob are honest; through Carol's connection, a member's, and through Dave's, who is not
/// in yet, the input speaks as well.
const PEOPLE: usize = 4;
const HONEST: usize = 2;
/// So many acts of an input count: more only take time.
const MOST_ACTS: usize = 40;

/// What happens.
#[derive(Debug, Arbitrary)]
enum Act {
    Say {
        who: bool,
        what: Words,
    },
    /// Something of the past, by anybody, with changes.
    Repeat {
        who: bool,
        which: u8,
        edits: Vec<JsonEdit>,
    },
    /// A new connection, on which nothing was said yet.
    Connect {
        who: bool,
        silent: bool,
    },
    Join {
        who: bool,
    },
    Leave {
        who: u8,
    },
    Publish {
        who: u8,
    },
    Invite {
        who: u8,
        whom: u8,
    },
    Pass {
        steps: u8,
    },
    Run {
        steps: u8,
    },
    RestartService,
}

/// A message, its fields near the room as it stands.
#[derive(Debug, Arbitrary)]
enum Words {
    Hello {
        as_who: u8,
        resume: Option<(bool, i8, Bytes, Bytes)>,
    },
    Create {
        generation: u8,
        info: Bytes,
        tree: Bytes,
    },
    Join(Bytes),
    Leave,
    Evict {
        whom: u8,
    },
    Readmit {
        whom: u8,
    },
    Publish {
        packages: Vec<Bytes>,
        last: Option<Bytes>,
    },
    Invite {
        whom: u8,
    },
    Commit {
        group: bool,
        epoch: i8,
        seen: i8,
        commit: Bytes,
        welcome: Option<Bytes>,
        info: Bytes,
    },
    Declined {
        group: bool,
        seq: i8,
    },
    AskGroupInfo {
        group: bool,
    },
    External {
        group: bool,
        epoch: i8,
        commit: Bytes,
        info: Bytes,
    },
    Distrust {
        group: bool,
        leaf: u8,
    },
    Application {
        group: bool,
        epoch: i8,
        message: Bytes,
    },
    Applied {
        group: bool,
        seq: i8,
        hash: u8,
    },
    CannotApply {
        group: bool,
        seq: i8,
    },
    Media {
        answer: bool,
    },
}

/// Encoded bytes that were said before in a field of some name, with changes.
#[derive(Debug, Arbitrary)]
struct Bytes {
    field: u8,
    which: u8,
    edits: Vec<Edit>,
}

/// Fields that hold encoded bytes.
const FIELDS: [&str; 8] = [
    "key_package",
    "commit",
    "welcome",
    "group_info",
    "tree",
    "message",
    "session",
    "chain",
];

/// The room's own promises under any sequence of messages, and that those who are honest come out of
/// it as one.
pub fn room(data: &[u8]) {
    let Some(acts) = structured::<Vec<Act>>(data) else {
        return;
    };
    let mut world = World::new(PEOPLE - 1);
    world.add_outsider();
    for act in acts.into_iter().take(MOST_ACTS) {
        perform(&mut world, act);
    }
    world.converges(HONEST);
}

/// Carol or Dave.
fn hostile(member: bool) -> usize {
    if member { HONEST } else { HONEST + 1 }
}

fn steps(count: u8) -> Duration {
    Duration::from_millis(50) * u32::from(count)
}

fn perform(world: &mut World, act: Act) {
    match act {
        Act::Say { who, what } => {
            if let Ok(json) = serde_json::to_vec(&what.message(world)) {
                say(world, who, json);
            }
        }
        Act::Repeat { who, which, edits } => {
            if let Some(json) = world.past(Way::Up, which.into()) {
                let edited = edits
                    .iter()
                    .take(4)
                    .fold(json, |json, edit| changed(&json, edit));
                say(world, who, edited);
            }
        }
        Act::Connect { who, silent } => {
            world.cut(hostile(who));
            world.connect(hostile(who));
            if silent {
                world.person(hostile(who)).queue(Way::Up).clear();
            }
        }
        Act::Join { who } => world.join(hostile(who)),
        Act::Leave { who } => world.command(usize::from(who) % PEOPLE, |m, _| m.leave()),
        Act::Publish { who } => {
            world.command(usize::from(who) % PEOPLE, |m, _| m.publish_key_packages(2));
        }
        Act::Invite { who, whom } => {
            let whom = name(usize::from(whom) % PEOPLE);
            world.command(usize::from(who) % PEOPLE, |m, _| m.invite(whom));
        }
        Act::Pass { steps: count } => world.pass(steps(count)),
        Act::Run { steps: count } => world.run(steps(count)),
        Act::RestartService => world.restart_service(),
    }
}

fn say(world: &mut World, who: bool, json: Vec<u8>) {
    let who = hostile(who);
    world
        .person(who)
        .queue(Way::Up)
        .push_front(Queued::Text(json));
    world.deliver(who, Way::Up);
}

/// Where the room's log stands.
struct Head(GroupId, Epoch, Seq);

impl Head {
    fn of(world: &World) -> Self {
        let log = world.log();
        let last: Option<&LogEntry> = log.last();
        let group = last.map_or(GroupId::new([9; 16]), |entry| entry.group_id);
        let seq = last.map_or(Seq::default(), |entry| entry.seq);
        Self(group, world.newest_epoch(), seq)
    }

    fn group(&self, right: bool) -> GroupId {
        if right { self.0 } else { GroupId::new([9; 16]) }
    }

    fn epoch(&self, off: i8) -> Epoch {
        Epoch::new(self.1.get().saturating_add_signed((off / 32).into()))
    }

    fn seq(&self, off: i8) -> Seq {
        Seq::new(self.2.get().saturating_add_signed((off / 16).into()))
    }
}

impl Bytes {
    fn of(&self, world: &World) -> Blob {
        let field = FIELDS[usize::from(self.field) % FIELDS.len()];
        let both = [Way::Up, Way::Down].into_iter();
        let said = both.flat_map(|way| {
            let texts: VecDeque<_> = world.all_past(way).collect();
            texts.into_iter().filter_map(|json| {
                let message: Value = serde_json::from_slice(json).ok()?;
                serde_json::from_value(message.get(field)?.clone()).ok()
            })
        });
        let said: Vec<Blob> = said.collect();
        let which = usize::from(self.which) % said.len().max(1);
        let good = said.get(which).cloned().unwrap_or_default();
        Blob::new(edited(good.as_slice(), &self.edits))
    }
}

impl Words {
    fn message(self, world: &World) -> ClientMessage {
        let head = Head::of(world);
        let reason = String::from("because");
        let whom = |who: u8| name(usize::from(who) % (PEOPLE + 1));
        match self {
            Self::Hello { as_who, resume } => ClientMessage::Hello {
                version: PROTOCOL_VERSION,
                room: room_name(),
                // Anyone may enter under any name here; honest ones are not pushed out by that.
                participant: name(HONEST + usize::from(as_who) % 3),
                token: None,
                proof: None,
                resume: resume.map(|(group, seq, chain, session)| Resume {
                    group_id: head.group(group),
                    seq: head.seq(seq),
                    chain: chain.of(world),
                    session: session.of(world),
                }),
            },
            Self::Create {
                generation,
                info,
                tree,
            } => ClientMessage::Create {
                generation: Generation::new(generation.into()),
                group_id: head.group(generation > 99),
                group_info: info.of(world),
                tree: tree.of(world),
            },
            Self::Join(package) => ClientMessage::Join {
                key_package: package.of(world),
            },
            Self::Leave => ClientMessage::Leave,
            Self::Evict { whom: who } => ClientMessage::Evict {
                participant: whom(who),
            },
            Self::Readmit { whom: who } => ClientMessage::Readmit {
                participant: whom(who),
            },
            Self::Publish { packages, last } => ClientMessage::PublishKeyPackages {
                key_packages: packages
                    .iter()
                    .take(8)
                    .map(|bytes| bytes.of(world))
                    .collect(),
                last_resort: last.map(|bytes| bytes.of(world)),
            },
            Self::Invite { whom: who } => ClientMessage::Invite {
                participant: whom(who),
            },
            Self::Commit {
                group,
                epoch,
                seen,
                commit,
                welcome,
                info,
            } => ClientMessage::Commit {
                group_id: head.group(group),
                epoch: head.epoch(epoch),
                seen_seq: head.seq(seen),
                commit: commit.of(world),
                welcome: welcome.map(|bytes| bytes.of(world)),
                group_info: info.of(world),
            },
            Self::Declined { group, seq } => ClientMessage::Declined {
                group_id: head.group(group),
                seq: head.seq(seq),
                reason,
                code: None,
            },
            Self::AskGroupInfo { group } => ClientMessage::AskGroupInfo {
                group_id: head.group(group),
            },
            Self::External {
                group,
                epoch,
                commit,
                info,
            } => ClientMessage::ExternalCommit {
                group_id: head.group(group),
                epoch: head.epoch(epoch),
                commit: commit.of(world),
                group_info: info.of(world),
            },
            Self::Distrust { group, leaf } => ClientMessage::Distrust {
                group_id: head.group(group),
                leaf: LeafIndex::new(leaf.into()),
                reason,
            },
            Self::Application {
                group,
                epoch,
                message,
            } => ClientMessage::Application {
                group_id: head.group(group),
                epoch: head.epoch(epoch),
                message: message.of(world),
            },
            Self::Applied { group, seq, hash } => ClientMessage::Applied {
                group_id: head.group(group),
                seq: head.seq(seq),
                authenticator_hash: Blob::new(vec![hash; 32]),
            },
            Self::CannotApply { group, seq } => ClientMessage::CannotApply {
                group_id: head.group(group),
                seq: head.seq(seq),
                reason,
            },
            Self::Media { answer: true } => {
                ClientMessage::Media(MediaSignal::Answer { sdp: reason })
            }
            Self::Media { answer: false } => {
                ClientMessage::Media(MediaSignal::Offer { sdp: reason })
            }
        }
    }
}
