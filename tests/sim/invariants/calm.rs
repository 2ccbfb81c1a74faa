//! What must hold once the network is calm, and what must hold when nothing ever failed.

use mls_srtp::event::Event;
use mls_srtp::pipeline::MediaStats;

use super::super::participant::{Participant, Wants};
use super::super::schedule::Flavour;
use super::{Violation, violated};

/// Everybody who wants to be in the room is in one epoch of one group with exactly the others, and
/// everybody else is not. Says what is not so yet.
///
/// Broken by: anything that leaves somebody waiting for what will not come, such as a service that
/// forgets a wish with the epoch's proposals, or a client that does not say hello again.
pub fn check_converged(people: &[Participant]) -> Result<(), String> {
    let mut first = None;
    for person in people.iter().filter(|person| person.wants == Wants::In) {
        let who = person.who;
        let Some(manager) = person.process.as_ref().map(|process| &process.manager) else {
            return Err(format!("p{who} does not run"));
        };
        let (Some(place), Some(roster)) = (manager.position(), manager.roster()) else {
            return Err(format!("p{who} is not in"));
        };
        let (other, first) = first.get_or_insert_with(|| (who, (place, roster.clone())));
        if *first != (place, roster) {
            return Err(format!(
                "p{who} is in epoch {} and p{other} is not",
                place.1
            ));
        }
    }
    let Some((_, (_, roster))) = first else {
        return Ok(());
    };
    for person in people {
        let is_in = roster.leaf_of(&person.name).is_some();
        let fits = match person.wants {
            Wants::In => is_in,
            Wants::Out => !is_in,
            Wants::Either => true,
        };
        if !fits {
            return Err(format!(
                "p{} wants {:?} and has it not",
                person.who, person.wants
            ));
        }
    }
    Ok(())
}

/// A participant that ended did so because it wanted to, or because somebody who may decided it,
/// or, where others lie, for a reason that it names.
///
/// Broken by: a member that gives up after a fault which it could have mended.
pub fn check_end(person: &Participant, event: &Event, flavour: Flavour) -> Result<(), Violation> {
    let fits = match event {
        Event::Left => person.wants != Wants::In,
        Event::Removed => person.wants != Wants::In || !flavour.everybody_is_honest(),
        Event::Fatal(_) => person.wants == Wants::Either || !flavour.everybody_is_honest(),
        _ => true,
    };
    if !fits {
        let detail = format!(
            "p{} wants {:?} and hears {event:?}",
            person.who, person.wants
        );
        return violated("nobody is thrown out", detail);
    }
    Ok(())
}

/// Where nothing fails, nobody refuses a packet of anybody, over all epochs.
///
/// Broken by: sending that moves on before the others have the epoch and without a buffer that
/// waits for them; receive keys that are erased too early; an announcement that comes too late.
pub fn check_nothing_refused(who: usize, stats: &MediaStats) -> Result<(), Violation> {
    let by_sender = stats.total(|s| s.replayed + s.auth_failed + s.missing_key + s.wrong_stream);
    let unnamed = stats.malformed + stats.unknown_epoch + stats.unknown_leaf + stats.missing_key;
    if by_sender + unnamed > 0 {
        return violated(
            "no packet is lost",
            format!("p{who} refused some: {stats:?}"),
        );
    }
    Ok(())
}

/// Who has heard whom.
#[derive(Debug, Default)]
pub struct Heard(Vec<(usize, usize)>);

impl Heard {
    pub fn note(&mut self, from: usize, to: usize) {
        if !self.0.contains(&(from, to)) {
            self.0.push((from, to));
        }
    }

    /// Media flows from everybody who is in the room to everybody else.
    ///
    /// Broken by: a resumed or returned member whose streams nobody was told of, or that sends in
    /// an epoch of its own.
    pub fn check_everybody(&self, people: &[Participant]) -> Result<(), Violation> {
        let present = || people.iter().filter(|person| person.wants == Wants::In);
        for from in present() {
            for to in present().filter(|to| to.who != from.who) {
                if !self.0.contains(&(from.who, to.who)) {
                    let detail = format!("p{} does not hear p{}", to.who, from.who);
                    return violated("everybody hears everybody", detail);
                }
            }
        }
        Ok(())
    }
}
