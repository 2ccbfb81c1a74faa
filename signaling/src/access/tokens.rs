//! Admission by room token.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use mls_srtp::delivery::Refusal;
use mls_srtp::id::RoomName;
use mls_srtp::token::{RoomToken, TokenKeys};
use mls_srtp::trust::{TrustCode, TrustError, UnixClock};

use super::{AccessControl, Admission, Entry};
use crate::refused::Refused;

/// How far an issuer's clock may be ahead of ours, in seconds. An expired token has no such grace.
const AHEAD: u64 = 30;
/// Tokens whose rooms are remembered before those that have expired are looked for.
const MANY: usize = 10_000;

/// Lets in whoever shows a room token of a known issuer, with the rights that it grants.
#[derive(Debug)]
pub struct TokenAccess {
    issuers: TokenKeys,
    now: UnixClock,
    rooms_per_token: usize,
    /// The rooms that each token of several has opened, and until when it is good.
    opened: Mutex<HashMap<String, (u64, HashSet<RoomName>)>>,
}

impl TokenAccess {
    /// With the issuers' keys, a clock, and how many rooms a token for several may open.
    pub fn new(issuers: TokenKeys, now: UnixClock, rooms_per_token: usize) -> Self {
        Self {
            issuers,
            now,
            rooms_per_token,
            opened: Mutex::default(),
        }
    }

    /// A token for rooms of one beginning opens so many of them while this service runs.
    fn count_room(&self, token: &RoomToken, room: &RoomName, now: u64) -> Result<(), Refused> {
        if token.room == room.as_str() {
            return Ok(());
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= MANY {
            opened.retain(|_, (until, _)| *until > now);
        }
        let (_, rooms) = opened
            .entry(format!("{}/{} {}", token.sub, token.device, token.jti))
            .or_insert_with(|| (token.exp, HashSet::new()));
        if rooms.len() >= self.rooms_per_token && !rooms.contains(room) {
            let detail = format!("a token opens {} rooms", self.rooms_per_token);
            return Err(Refused::new(Refusal::TooManyRooms, detail));
        }
        rooms.insert(room.clone());
        Ok(())
    }
}

impl AccessControl for TokenAccess {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let now = (self.now)().as_secs();
        let Some(token) = entry.token else {
            let detail = "this service asks for a room token";
            return Err(TrustError::new(TrustCode::TokenMissing, detail).into());
        };
        let token = self.issuers.verify(token)?;
        token.check_names(entry.room, entry.participant)?;
        match token.check_time(now, 0) {
            Err(error) if error.code == TrustCode::TokenNotYetValid => {
                token.check_time(now, AHEAD)?;
            }
            Err(error) if error.code == TrustCode::TokenExpired && entry.resumes => {}
            other => other?,
        }
        self.count_room(&token, entry.room, now)?;
        Ok(Admission {
            rights: token.rights.clone(),
            token: Some(token),
        })
    }
}

#[cfg(test)]
mod tests;
