//! What a participant may do with media.

/// What a participant may do, for as long as its connection lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// It may send: otherwise an offer with streams is refused, and what it sends all the same is of
    /// no declared SSRC and dropped.
    pub publish: bool,
    /// It may receive: otherwise no stream is offered or forwarded to it.
    pub subscribe: bool,
}

impl Permissions {
    /// To send and to receive.
    pub const ALL: Self = Self {
        publish: true,
        subscribe: true,
    };
}
