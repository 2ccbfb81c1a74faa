//! Packets that came before what is needed to open them.

use std::collections::VecDeque;

use super::MediaConfig;
use super::inbound::Sender;
use crate::id::Ssrc;
use crate::time::Moment;

/// What a held packet waits for.
pub(super) enum WaitsFor {
    /// Its epoch.
    Epoch,
    /// The announcement of its SSRC by its sender.
    Announcement(Sender),
}

/// A packet as it arrived.
pub(super) struct EarlyPacket {
    pub(super) packet: Vec<u8>,
    pub(super) ssrc: Ssrc,
    pub(super) arrived: Moment,
    pub(super) waits_for: WaitsFor,
}

/// A bounded queue in order of arrival. When it is full the oldest packet goes, for it is the one
/// that playout will miss least.
#[derive(Default)]
pub(super) struct EarlyBuffer {
    packets: VecDeque<EarlyPacket>,
    bytes: usize,
}

impl EarlyBuffer {
    /// Takes a packet in; returns those that had to go for it.
    pub(super) fn push(&mut self, early: EarlyPacket, config: &MediaConfig) -> Vec<EarlyPacket> {
        let mut dropped = Vec::new();
        let of_ssrc = self
            .packets
            .iter()
            .filter(|held| held.ssrc == early.ssrc)
            .count();
        if of_ssrc >= config.early_packets_per_ssrc {
            let oldest = self.packets.iter().position(|held| held.ssrc == early.ssrc);
            dropped.extend(oldest.and_then(|at| self.remove(at)));
        }
        self.bytes += early.packet.len();
        self.packets.push_back(early);
        while self.bytes > config.early_bytes {
            dropped.extend(self.remove(0));
        }
        dropped
    }

    /// Takes all packets out, for trying them again.
    pub(super) fn take(&mut self) -> VecDeque<EarlyPacket> {
        self.bytes = 0;
        std::mem::take(&mut self.packets)
    }

    /// Takes out a packet that has waited too long.
    pub(super) fn pop_expired(&mut self, now: Moment, config: &MediaConfig) -> Option<EarlyPacket> {
        let oldest = self.packets.front()?;
        if oldest.arrived + config.early_hold <= now {
            self.remove(0)
        } else {
            None
        }
    }

    /// When the oldest packet will have waited too long.
    pub(super) fn next_expiry(&self, config: &MediaConfig) -> Option<Moment> {
        self.packets
            .front()
            .map(|oldest| oldest.arrived + config.early_hold)
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    fn remove(&mut self, at: usize) -> Option<EarlyPacket> {
        let early = self.packets.remove(at)?;
        self.bytes -= early.packet.len();
        Some(early)
    }
}
