//! Frames on their way in.

use mls_srtp::pipeline::{FrameOpening, OpenedFrame};
use wasm_bindgen::prelude::*;

/// What became of a received frame.
#[wasm_bindgen]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFate {
    /// In plain.
    Opened,
    /// It waits; its ticket comes back from `pollReleased` or `pollDropped`.
    Held,
    /// Nothing in it: drop it silently.
    Probe,
    /// Drop it.
    Refused,
}

/// A received frame, opened or not.
#[wasm_bindgen]
pub struct Opening {
    fate: FrameFate,
    ticket: u32,
    frame: Option<Vec<u8>>,
    participant: Option<String>,
    stream: u16,
    leaf: u16,
    epoch: f64,
    reason: Option<String>,
}

#[wasm_bindgen]
impl Opening {
    /// What became of it.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn fate(&self) -> FrameFate {
        self.fate
    }

    /// The ticket it was given.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn ticket(&self) -> u32 {
        self.ticket
    }

    /// The frame in plain, once: it is moved out.
    #[must_use]
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.frame.take()
    }

    /// Whose key opened it.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn participant(&self) -> Option<String> {
        self.participant.clone()
    }

    /// The stream's number.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn stream(&self) -> u16 {
        self.stream
    }

    /// The leaf whose key opened it.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn leaf(&self) -> u16 {
        self.leaf
    }

    /// The epoch of that key.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn epoch(&self) -> f64 {
        self.epoch
    }

    /// Why it was refused.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.clone()
    }
}

impl Opening {
    /// Of what the pipeline said.
    pub(crate) fn of(ticket: u32, opening: FrameOpening) -> Self {
        match opening {
            FrameOpening::Opened(opened) => Self::opened(ticket, opened),
            FrameOpening::Held => Self::without(ticket, FrameFate::Held, None),
            FrameOpening::Probe => Self::without(ticket, FrameFate::Probe, None),
            FrameOpening::Refused(why) => {
                Self::without(ticket, FrameFate::Refused, Some(why.to_string()))
            }
        }
    }

    /// Of a frame in plain.
    pub(crate) fn opened(ticket: u32, opened: OpenedFrame) -> Self {
        Self {
            participant: Some(opened.participant.to_string()),
            stream: opened.stream.get(),
            leaf: opened.leaf.get(),
            // Exact up to 2^53.
            epoch: opened.epoch.get() as f64,
            frame: Some(opened.frame),
            ..Self::without(ticket, FrameFate::Opened, None)
        }
    }

    fn without(ticket: u32, fate: FrameFate, reason: Option<String>) -> Self {
        Self {
            fate,
            ticket,
            frame: None,
            participant: None,
            stream: 0,
            leaf: 0,
            epoch: 0.0,
            reason,
        }
    }
}

/// The caller's ticket. The pipeline gives back what it was given, and that had 32 bits.
pub(crate) fn ticket(ticket: u64) -> u32 {
    u32::try_from(ticket).unwrap_or(u32::MAX)
}
