//! Media: what participants capture, and a small model of the SFU that forwards it to all others.
//!
//! Packets go over a network of their own that may lose, double and reorder them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use mls_srtp::id::{Epoch, ParticipantId};
use mls_srtp::pipeline::{Opened, Opening};

use super::invariants::{Violation, check_exposure, violated};
use super::participant::name;
use super::queue::Happening;
use super::schedule::Flavour;
use super::seed::{Dice, Purpose};
use super::world::World;

/// How often each participant sends a packet. Real video has hundreds in that time; what matters
/// here is that some fall into every phase of an epoch change.
const PACKET_EVERY: Duration = Duration::from_millis(60);

/// Who sent it, in which epoch, and its bytes.
type Packet = (usize, Option<Epoch>, Rc<[u8]>);

/// The SFU and the packets that are on their way from it.
pub struct Sfu {
    dice: Dice,
    /// In a hundred.
    loss: u64,
    doubling: u64,
    under_way: BTreeMap<(usize, usize), Packet>,
    count: usize,
    off: bool,
    /// Whose media the service has asked to cut off, until they join anew.
    cut_off: Vec<ParticipantId>,
}

impl Sfu {
    pub fn new(seed: u64, flavour: Flavour) -> Self {
        let quiet = flavour == Flavour::Quiet;
        Self {
            dice: Dice::new(seed, Purpose::Media),
            loss: if quiet { 0 } else { 2 },
            doubling: if quiet { 0 } else { 2 },
            under_way: BTreeMap::new(),
            count: 0,
            off: false,
            cut_off: Vec::new(),
        }
    }

    /// Who was removed is a member again.
    pub fn admit(&mut self, participant: &ParticipantId) {
        self.cut_off.retain(|cut| cut != participant);
    }

    /// Nothing goes to or from a removed participant.
    pub fn cut_off(&mut self, participant: &ParticipantId) {
        self.cut_off.push(participant.clone());
    }

    /// There is no media at all.
    pub fn switch_off(&mut self) {
        self.off = true;
    }

    pub fn calms_down(&mut self) {
        (self.loss, self.doubling) = (0, 0);
    }
}

impl World {
    /// Connects or disconnects a participant's media.
    pub(super) fn on_air(&mut self, who: usize, on: bool) {
        if let Some(process) = &mut self.people[who].process {
            process.on_air = on;
        }
    }

    /// A participant captures a packet: it is sent if there is a key for it.
    pub(super) fn capture(&mut self, who: usize) -> Result<(), Violation> {
        let person = &mut self.people[who];
        let (on_time, ssrc) = (self.now + PACKET_EVERY, person.ssrc);
        let Some(process) = person.process.as_mut().filter(|_| !self.sfu.off) else {
            return Ok(());
        };
        self.queue.put(on_time, Happening::Capture(who));
        let sending = process.pipeline.sending_epoch();
        let (on_air, heard_at) = (process.on_air, process.heard_at);
        let Ok(packet) = process.packet(ssrc, self.now) else {
            if on_air && self.schedule.flavour == Flavour::Quiet {
                return violated("a member can always send", format!("p{who} cannot"));
            }
            return Ok(());
        };
        self.ledger.protected(who, sending, &packet)?;
        check_exposure(who, heard_at, self.now)?;
        if on_air {
            self.forward(who, sending, packet.into());
        }
        Ok(())
    }

    /// The SFU sends a packet to everybody else whose media is connected.
    fn forward(&mut self, from: usize, epoch: Option<Epoch>, packet: Rc<[u8]>) {
        if self.sfu.cut_off.contains(&name(from)) || !self.network.reaches(from, self.now) {
            return;
        }
        for to in (0..self.people.len()).filter(|to| *to != from) {
            let process = self.people[to].process.as_ref();
            let connected = process.is_some_and(|process| process.on_air);
            if !connected || self.sfu.cut_off.contains(&name(to)) {
                continue;
            }
            let copies = match self.sfu.dice.below(100) {
                percent if percent < self.sfu.loss => 0,
                percent if percent < self.sfu.loss + self.sfu.doubling => 2,
                _ => 1,
            };
            for _ in 0..copies {
                self.sfu.count += 1;
                let number = self.sfu.count;
                let at = self.now + self.sfu.dice.millis(2, 80);
                let packet = (from, epoch, Rc::clone(&packet));
                self.sfu.under_way.insert((number, to), packet);
                self.queue.put(at, Happening::Packet(number, to));
            }
        }
    }

    /// A packet arrives.
    pub(super) fn packet(&mut self, number: usize, to: usize) -> Result<(), Violation> {
        let Some((from, epoch, packet)) = self.sfu.under_way.remove(&(number, to)) else {
            return Ok(());
        };
        let reached = self.network.reaches(to, self.now);
        let Some(process) = &mut self.people[to].process else {
            return Ok(());
        };
        if !process.on_air || !reached {
            return Ok(());
        }
        match process.pipeline.open(packet.to_vec(), self.now) {
            Opening::Opened(opened) => self.is_from(&opened, from, to)?,
            Opening::Refused(error) if self.schedule.flavour == Flavour::Quiet => {
                let detail = format!("p{to} refuses a packet of p{from} in {epoch:?}: {error}");
                return violated("no packet is lost", detail);
            }
            _ => {}
        }
        self.carry_out(to)
    }

    /// Packets that had waited for their epoch or announcement.
    pub(super) fn released(&mut self, who: usize) {
        let Some(process) = &mut self.people[who].process else {
            return;
        };
        while let Some(opened) = process.pipeline.poll_released() {
            if let Some(from) = (0..)
                .take(64)
                .find(|from| name(*from) == *opened.participant)
            {
                self.heard.note(from, who);
            }
        }
    }

    /// An opened packet carries the name of who sent it.
    ///
    /// Broken by: a roster of another epoch than the packet's in `inbound::open`.
    fn is_from(&mut self, opened: &Opened, from: usize, to: usize) -> Result<(), Violation> {
        if *opened.participant != name(from) {
            let detail = format!("p{to} takes p{from} for {}", opened.participant);
            return violated("a packet has its sender's name", detail);
        }
        self.heard.note(from, to);
        Ok(())
    }
}
