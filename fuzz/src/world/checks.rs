//! What must hold whatever happens.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mls_srtp::delivery::{Blob, ClientMessage, GroupHead, LogEntry, PROTOCOL_VERSION};
use mls_srtp::delivery::{ServiceMessage, chain};
use mls_srtp::epoch::GroupCode;
use mls_srtp::group::RoomPolicy;
use mls_srtp::id::{Epoch, GroupId, ParticipantId, Seq};
use mls_srtp_signaling::RoomEventKind;
use mls_srtp_signaling::room::{ClientId, RoomOutput};

use super::{Person, World, name, room_name};

/// How long everybody may take to be of one mind once everything is delivered: longer than any
/// patience of the key manager or the room.
const PATIENCE: Duration = Duration::from_secs(200);

#[derive(Default)]
pub(super) struct Checks {
    /// The chain value of each log entry, as it was first seen.
    log: HashMap<Seq, Blob>,
    newest: Seq,
    /// Who is in the group.
    members: HashSet<ParticipantId>,
    codes: HashMap<(GroupId, Epoch), GroupCode>,
}

impl Checks {
    /// The log only grows, by one each time, and what it holds stays as it was. The store may forget
    /// application messages that all have had, from between what a restart needs.
    pub(super) fn log_is(&mut self, entries: &[LogEntry]) {
        for pair in entries.windows(2) {
            let [before, after] = pair else { continue };
            assert!(before.seq < after.seq, "positions rise");
            let same_group = before.group_id == after.group_id;
            let adjacent = before.seq.next() == after.seq;
            let missing = before.seq.next().get()..after.seq.get();
            let forgotten = missing.map(Seq::new).all(|seq| self.log.contains_key(&seq));
            assert!(forgotten, "positions rise by one");
            let follows = chain::follows(&before.chain, after);
            assert!(follows || !same_group || !adjacent, "the chain holds");
        }
        for entry in entries {
            let first = self.log.entry(entry.seq).or_insert(entry.chain.clone());
            assert_eq!(*first, entry.chain, "an entry stays as it was");
        }
        if let Some(last) = entries.last() {
            assert!(last.seq >= self.newest, "the log never shrinks");
            self.newest = last.seq;
        }
    }

    /// Entries go to members only; of a commit, also to those whom it removes.
    pub(super) fn room_says(&mut self, outputs: &[RoomOutput], people: &[Person]) {
        let mut may_know = self.members.clone();
        for output in outputs {
            if let RoomOutput::Event(event) = output {
                match &event.kind {
                    RoomEventKind::Created { creator } => {
                        self.members = HashSet::from([creator.clone()]);
                    }
                    RoomEventKind::Committed { added, removed, .. } => {
                        self.members.retain(|member| !removed.contains(member));
                        self.members.extend(added.iter().cloned());
                    }
                    _ => {}
                }
                may_know.extend(self.members.iter().cloned());
            }
        }
        for output in outputs {
            if let RoomOutput::Send(_, ServiceMessage::Refused { detail, .. }) = output {
                assert!(!detail.is_empty(), "a refusal without a reason");
            }
            if let RoomOutput::Send(client, ServiceMessage::Entry(_)) = output {
                let who = people.iter().position(|p| p.client == Some(*client));
                let may = who.is_some_and(|who| may_know.contains(&name(who)));
                assert!(may || who.is_none(), "an outsider gets an entry");
            }
        }
    }

    /// Members in one epoch hold one authenticator.
    pub(super) fn all_agree(&mut self, people: &mut [Person]) {
        for person in people {
            let manager = &person.manager;
            if let (Some(at), Some(code)) = (manager.position(), manager.group_code()) {
                let first = self.codes.entry(at).or_insert(code);
                assert_eq!(*first, code, "one epoch, one authenticator");
            }
        }
    }
}

impl World {
    /// What a newcomer is told of the room.
    pub(super) fn room_as_told(&mut self) -> (RoomPolicy, Option<GroupHead>, usize) {
        self.next_client += 1;
        let (client, now) = (ClientId(self.next_client), self.now);
        let hello = ClientMessage::Hello {
            version: PROTOCOL_VERSION,
            room: room_name(),
            participant: ParticipantId::new("prober", "example.org", "test").expect("a name"),
            token: None,
            proof: None,
            resume: None,
        };
        self.room
            .hello(client, hello, now)
            .expect("anyone may enter");
        let mut told = None;
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Send(to, ServiceMessage::Room { policy, group, .. }) = output
                && to == client
            {
                told = Some((policy, group, self.room.member_count()));
            }
        }
        self.room.disconnected(client, now);
        told.expect("every hello is answered")
    }

    /// From now on everything is delivered: those who are honest come to be of one mind, or have
    /// gone with a reason.
    pub(crate) fn converges(&mut self, honest: usize) {
        for who in 0..self.people.len() {
            self.cut(who);
        }
        let end = self.now + PATIENCE;
        while self.now < end && !self.is_of_one_mind(honest) {
            self.run(Duration::from_millis(500));
        }
        // And it stays so.
        self.run(Duration::from_secs(5));
        let end = self.now + PATIENCE;
        while self.now < end && !self.is_of_one_mind(honest) {
            self.run(Duration::from_millis(500));
        }
        assert!(self.is_of_one_mind(honest), "{}", self.describe());
    }

    fn is_of_one_mind(&self, honest: usize) -> bool {
        let honest = self.people.iter().take(honest);
        let mut positions = HashSet::new();
        for person in honest {
            match (person.manager.room(), person.manager.position()) {
                (None, _) if person.ended.is_some() => {}
                (Some(_), Some(at)) => {
                    positions.insert((at, person.manager.group_code()));
                }
                _ => return false,
            }
        }
        positions.len() <= 1
    }

    fn describe(&self) -> String {
        let one = |(who, person): (usize, &Person)| {
            let (at, ended) = (person.manager.position(), &person.ended);
            let room = person.manager.room();
            format!("{}: {room:?}, {at:?}, {ended:?}\n", name(who))
        };
        self.people.iter().enumerate().map(one).collect()
    }
}
