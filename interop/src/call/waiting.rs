//! Taking part until something is so.

use std::time::Duration;

use mls_srtp::event::Event;
use tokio::time::{Instant, sleep_until};

use super::{Call, CallError, Seat, Taken};
use crate::client::Client;
use crate::line::Word;
use crate::ours::Ours;
use crate::reading::Reading;

/// Nothing takes that long; it only ends what would hang.
const PATIENCE: Duration = Duration::from_secs(30);

impl Call {
    /// Takes part until everybody in the call is in one epoch, and they are so many.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_members(&mut self, count: usize) -> Result<(), CallError> {
        let what = format!("all {count} members in one epoch");
        self.until(&what, |call| call.are_together(count)).await
    }

    /// The same, in a later epoch than now.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_next_epoch(&mut self, count: usize) -> Result<(), CallError> {
        let what = format!("all {count} members in the next epoch");
        let epoch = |call: &Self| {
            let last = call
                .present()
                .filter_map(|taken| taken.client.readings().last());
            last.map(|reading| reading.secrets.epoch).max()
        };
        let now = epoch(self);
        self.until(&what, |call| call.are_together(count) && epoch(call) > now)
            .await
    }

    /// Takes part until somebody's own MLS has said that it is out.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_out(&mut self, seat: Seat) -> Result<(), CallError> {
        let what = format!("{} is out", self.taken[seat.0].client.name());
        self.until(&what, |call| call.taken[seat.0].client.is_out())
            .await
    }

    /// Takes part until so many proposals wait for somebody with another implementation.
    ///
    /// # Errors
    /// [`CallError::NotInTime`], or whatever comes before.
    pub async fn until_proposed(&mut self, seat: Seat, count: usize) -> Result<(), CallError> {
        let what = format!("{count} proposals");
        self.until(&what, |call| match &call.taken[seat.0].client {
            Client::Other(other) => other.proposed() == count,
            Client::Ours(_) => true,
        })
        .await
    }

    fn present(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| !taken.client.is_out())
    }

    fn are_together(&self, count: usize) -> bool {
        let mut last = self.present().map(|taken| taken.client.readings().last());
        let Some(Some(first)) = last.next() else {
            return false;
        };
        let at = |reading: &Reading| (reading.secrets.group_id, reading.secrets.epoch);
        first.secrets.roster.len() == count
            && self.present().count() == count
            && self
                .present()
                .all(|taken| self.has_heard_all(&taken.client))
            && last.all(|other| other.is_some_and(|other| at(other) == at(first)))
    }

    /// Whether somebody knows the streams of everybody else who is there.
    fn has_heard_all(&self, client: &Client) -> bool {
        let mut others = self.present().map(|taken| taken.client.name());
        others.all(|who| who == client.name() || client.heard().contains_key(who))
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), CallError> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let due = self.taken.iter().filter_map(|taken| taken.client.due_in());
            let due = due.min().map_or(deadline, |due| Instant::now() + due);
            tokio::select! {
                Some(word) = self.words.recv() => self.hear(word)?,
                () = sleep_until(due.min(deadline)) => {
                    if Instant::now() >= deadline {
                        return Err(CallError::NotInTime(what.to_owned()));
                    }
                    for taken in &mut self.taken {
                        taken.client.handle_timeout();
                    }
                }
            }
            self.flush().await?;
            self.check_ours()?;
        }
        Ok(())
    }

    fn hear(&mut self, word: Word) -> Result<(), CallError> {
        let taken = &mut self.taken[word.line.seat()];
        // What an older connection still says is not for whoever has a newer one.
        if taken.line.id() != word.line {
            return Ok(());
        }
        match word.message {
            Some(message) => taken.client.hear(message?)?,
            None => taken.closed = true,
        }
        Ok(())
    }

    /// What our own side does not do on its own account ends the call.
    fn check_ours(&self) -> Result<(), CallError> {
        let ours = self.taken.iter().filter_map(|taken| taken.client.ours());
        let mut events = ours.flat_map(Ours::events);
        let fault = events.find(|event| {
            matches!(
                event,
                Event::Refused { .. }
                    | Event::Fatal(_)
                    | Event::Untrusted { .. }
                    | Event::Resyncing { .. }
                    | Event::JoinerDeclined { .. }
            )
        });
        fault.map_or(Ok(()), |event| {
            Err(CallError::Ours(Box::new(event.clone())))
        })
    }
}
