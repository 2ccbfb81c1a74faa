//! Many members of three implementations come, go, come back and renew their keys in an order that a
//! seed draws, so that trees take shapes that nobody would think of.

use interop::peer::{Peer, PeerKind, Received};

use super::ours::OpenMls;
use super::room::Room;
use super::stranger;

const ROUNDS: usize = 60;
/// Whoever enters checks the whole tree. ts-mls 1.6.4 wants the unmerged leaves of all nodes above a
/// leaf to be equal, where RFC 9420 §12.4.3.1 asks only that the lists between leaf and node have
/// that leaf. Up to four leaves there is only one list that can have any; in larger trees ts-mls
/// members stay and follow, but none of them enters.
const TS_MLS_ENTERS: usize = 4;

struct Call {
    room: Room,
    members: Vec<(String, Box<dyn Peer>)>,
    came: usize,
    most: usize,
    seed: u64,
}

impl Call {
    fn new(most: usize, seed: u64) -> Self {
        let name = "creator@example.org/phone".to_owned();
        let mut creator = stranger(&name);
        Self {
            room: Room::created_by(&mut creator, &name),
            members: vec![(name, Box::new(creator))],
            came: 0,
            most,
            seed,
        }
    }

    /// A number below `end`: Knuth's MMIX generator, the same on every machine.
    fn draw(&mut self, end: usize) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.seed >> 33) % end as u64).expect("below a usize")
    }

    fn round(&mut self) {
        let committer = self.draw(self.members.len());
        self.members.swap(0, committer);
        match self.draw(8) {
            0 if self.may_come_back() => self.come_back(),
            0 | 1 => self.commit(None, None),
            2 => {
                let who = self.somebody_else();
                self.commit(who, None);
            }
            3 => {
                let who = self.somebody_else();
                let same_name = who.map(|who| self.members[who].0.clone());
                self.commit(who, same_name);
            }
            _ if self.members.len() < self.most => {
                self.came += 1;
                let name = format!("guest{}@example.com/phone", self.came);
                self.commit(None, Some(name));
            }
            _ => {
                let who = self.somebody_else();
                self.commit(who, None);
            }
        }
        self.room.agrees(&mut refs(&mut self.members));
    }

    /// Whether the first member may lose its state. ts-mls 1.6.4 cannot take back the only leaf: it
    /// has no tree without leaves.
    fn may_come_back(&mut self) -> bool {
        let can = self.members.len() > 1 && self.leaves() <= TS_MLS_ENTERS;
        can || !is("ts-mls", &self.members[0])
    }

    /// Anybody but the first member. In a large tree the others go, so that some of ts-mls are left.
    fn somebody_else(&mut self) -> Option<usize> {
        let all = self.leaves() <= TS_MLS_ENTERS;
        let others = (1..self.members.len()).filter(|at| all || !is("ts-mls", &self.members[*at]));
        let others: Vec<usize> = others.collect();
        (!others.is_empty()).then(|| others[self.draw(others.len())])
    }

    /// The first member commits what the service proposes: to remove one, to add one, both or none.
    fn commit(&mut self, removed: Option<usize>, added: Option<String>) {
        if let Some(who) = removed {
            let name = self.members[who].0.clone();
            let members = &mut refs(&mut self.members);
            self.room.propose_remove(&name, members);
        }
        let newcomer = added.map(|name| self.newcomer(name));
        let newcomer = newcomer.map(|(name, mut peer)| {
            let key_package = peer.key_package().expect("a key package");
            let members = &mut refs(&mut self.members);
            self.room.propose_add(key_package, members);
            (name, peer)
        });
        let author = self.members[0].0.clone();
        let (welcome, was) = self.room.commit(&author, &mut refs(&mut self.members));
        for (at, was) in was.into_iter().enumerate() {
            let expected = if Some(at + 1) == removed {
                Received::Removed
            } else {
                Received::Commit
            };
            assert_eq!(was, expected, "{}", self.members[at + 1].0);
        }
        if let Some(who) = removed {
            self.members.remove(who);
        }
        if let Some((name, mut peer)) = newcomer {
            let welcome = welcome.expect("somebody was added");
            peer.join(&welcome, &self.room.tree()).expect("it joins");
            self.members.push((name, peer));
        }
    }

    fn newcomer(&mut self, name: String) -> (String, Box<dyn Peer>) {
        let peer: Box<dyn Peer> = match self.draw(3) {
            0 if self.leaves() < TS_MLS_ENTERS => Box::new(stranger(&name)),
            1 => {
                let participant = name.parse().expect("a participant");
                PeerKind::MlsRs.open(&participant).expect("a device")
            }
            _ => Box::new(OpenMls::new(&name)),
        };
        (name, peer)
    }

    /// Leaves of the tree, empty ones before the last included.
    fn leaves(&mut self) -> usize {
        let view = self.members[0].1.view().expect("a member");
        let last = view.members.last().expect("a member");
        last.leaf as usize + 1
    }

    /// The first member lost its state.
    fn come_back(&mut self) {
        let (info, tree) = (self.room.group_info.clone(), self.room.tree());
        let (back, others) = self.members.split_first_mut().expect("the creator");
        let commit = back.1.external_commit(&info, &tree).expect("a commit");
        let accepted = self.room.accept_external(&back.0, &commit);
        accepted.expect("the service takes it");
        back.1.accept_commit().expect("it waits");
        for (name, other) in others {
            assert_eq!(other.receive(&commit.commit).expect(name), Received::Commit);
        }
    }
}

fn is(implementation: &str, (_, peer): &(String, Box<dyn Peer>)) -> bool {
    peer.name().starts_with(implementation)
}

fn refs(members: &mut [(String, Box<dyn Peer>)]) -> Vec<&mut dyn Peer> {
    let mut all: Vec<&mut dyn Peer> = Vec::new();
    for (_, peer) in members {
        all.push(&mut **peer);
    }
    all
}

fn all_agree_after_every_commit(most: usize, seed: u64) {
    let mut call = Call::new(most, seed);
    for round in 0..ROUNDS {
        let all = call.members.len();
        let of = |name| call.members.iter().filter(move |member| is(name, member));
        let (ts_mls, mls_rs) = (of("ts-mls").count(), of("mls-rs").count());
        println!("round {round}: {all} members, {ts_mls} of ts-mls, {mls_rs} of mls-rs");
        call.round();
    }
}

#[test]
fn all_agree_while_few_come_and_go() {
    all_agree_after_every_commit(TS_MLS_ENTERS, 1);
}

#[test]
fn all_agree_in_a_larger_tree() {
    all_agree_after_every_commit(12, 4);
}
