//! Everything together: the event loop and the phases of a run.

use std::ops::Range;
use std::sync::MutexGuard;
use std::time::Duration;

use mls_srtp::delivery::LogEntry;
use mls_srtp::event::Event;
use mls_srtp::manager::Output;
use mls_srtp::time::Moment;

use super::hostile::Hostile;
use super::invariants::{
    Heard, Ledger, Looks, Violation, check_converged, check_end, check_nothing_refused, violated,
};
use super::liar::Liar;
use super::media::Sfu;
use super::network::Network;
use super::participant::{Participant, Wants, ends};
use super::queue::{Happening, Queue};
use super::schedule::{Flavour, Schedule};
use super::service::{Service, TICK};
use super::trace::{self, Trace};

/// How long after the last fault everybody must be together at the latest.
const CONVERGENCE: Duration = Duration::from_secs(60);
/// How long media is listened to then.
const LISTENING: Duration = Duration::from_secs(2);
/// How long an epoch may take that began while listening.
const CATCHING_UP: Duration = Duration::from_secs(1);
/// How long it may take until everybody who leaves is out.
const GOODBYES: Duration = Duration::from_secs(20);

pub struct World {
    pub now: Moment,
    pub schedule: Schedule,
    pub people: Vec<Participant>,
    pub trace: Trace,
    pub ledger: Ledger,
    pub(super) queue: Queue,
    pub(super) network: Network,
    pub(super) service: Service,
    pub(super) sfu: Sfu,
    pub(super) liar: Liar,
    pub(super) hostile: Hostile,
    pub(super) heard: Heard,
    /// When the last fault was over and what it held up had arrived.
    settled_at: Moment,
}

impl World {
    pub fn new(schedule: Schedule) -> Self {
        let (seed, count) = (schedule.seed, schedule.people());
        let service = Service::new();
        let mut world = Self {
            now: Moment::default(),
            people: (0..count).map(|who| Participant::new(seed, who)).collect(),
            trace: Trace::default(),
            ledger: Ledger::new(schedule.flavour, count, service.acknowledged.clone()),
            queue: Queue::default(),
            network: Network::new(seed, schedule.ways_of_all()),
            service,
            sfu: Sfu::new(seed, schedule.flavour),
            liar: Liar::new(seed),
            hostile: Hostile::new(seed),
            heard: Heard::default(),
            settled_at: Moment::default(),
            schedule,
        };
        world.queue.put(world.now, Happening::Tick);
        for (number, (at, _)) in world.schedule.steps.iter().enumerate() {
            world.queue.put(*at, Happening::Step(number));
        }
        world
    }

    /// The same without packets and without a text of what happens.
    pub fn without_media(schedule: Schedule) -> Self {
        let mut world = Self::new(schedule);
        world.sfu.switch_off();
        world.ledger.expects_no_media();
        world.trace = Trace::silent();
        world
    }

    /// What the service has acknowledged so far.
    pub fn acknowledged(&self) -> MutexGuard<'_, Vec<LogEntry>> {
        self.service.acknowledged.entries()
    }

    /// Everybody comes as scheduled, and all are together.
    pub fn gather(&mut self) -> Result<(), Violation> {
        self.run_until(self.schedule.calm_at)?;
        self.converge()
    }

    /// The whole run.
    pub fn run(&mut self) -> Result<Looks, Violation> {
        let text = self.schedule.to_string();
        self.trace.note(self.now, || text);
        self.run_until(self.schedule.calm_at)?;
        self.sfu.calms_down();
        self.converge()?;
        self.listen()?;
        self.part()?;
        Ok(self.ledger.looks())
    }

    /// Waits until all are together.
    fn converge(&mut self) -> Result<(), Violation> {
        self.trace.note(self.now, || "calm".into());
        let deadline = self.now + CONVERGENCE;
        self.settled_at = self.network.all_arrived_at().max(self.now);
        while let Err(lacking) = self.is_together() {
            if self.now >= deadline {
                self.nobody_stayed_behind()?;
                return violated(
                    "all converge",
                    format!("{lacking}, {CONVERGENCE:?} after the last fault"),
                );
            }
            self.run_until(self.now + TICK)?;
        }
        self.trace.note(self.now, || "all are together".into());
        Ok(())
    }

    /// Who is in a group and wants to be there has followed it to its end.
    fn nobody_stayed_behind(&self) -> Result<(), Violation> {
        let members = self.people.iter().filter(|person| {
            let process = person.process.as_ref();
            let place = process.and_then(|process| process.manager.position());
            person.wants == Wants::In && place.is_some()
        });
        for person in members {
            self.ledger.is_up_to_date(person.who)?;
        }
        Ok(())
    }

    /// Everybody is in one epoch and on air, and each has heard since the last fault, over a
    /// connection that carries, that this is where the group stands.
    fn is_together(&self) -> Result<(), String> {
        check_converged(&self.people)?;
        self.ledger.are_not_forked(&self.people)?;
        for person in self.people.iter().filter(|p| p.wants == Wants::In) {
            let up_to_date = self.ledger.is_up_to_date(person.who);
            up_to_date.map_err(|violation| violation.to_string())?;
            let process = person.process.as_ref();
            let pinged_at = process.and_then(|process| process.pinged_at);
            let by = process.and_then(|process| process.connection);
            let carries = by.is_some_and(|id| self.service.knows(id));
            if !carries || pinged_at < Some(self.settled_at) {
                return Err(format!("p{} has no connection", person.who));
            }
            if !process.is_some_and(|process| process.on_air) {
                return Err(format!("p{} has no media", person.who));
            }
        }
        Ok(())
    }

    /// Everybody hears everybody, and nothing falls apart again.
    fn listen(&mut self) -> Result<(), Violation> {
        self.run_until(self.now + LISTENING / 4)?;
        self.heard = Heard::default();
        self.run_until(self.now + LISTENING)?;
        self.heard.check_everybody(&self.people)?;
        if self.is_together().is_err() {
            // The silent ones go when their grace is over, and an epoch takes its time to arrive.
            self.run_until(self.now + CATCHING_UP)?;
        }
        match self.is_together() {
            Ok(()) => Ok(()),
            Err(lacking) => violated("what is together stays together", lacking),
        }
    }

    /// Everybody leaves at once, and gets out.
    fn part(&mut self) -> Result<(), Violation> {
        self.trace.note(self.now, || "everybody leaves".into());
        self.part_with(0..self.people.len())
    }

    /// Some leave at once, and get out.
    pub fn part_with(&mut self, leavers: Range<usize>) -> Result<(), Violation> {
        for who in leavers.clone() {
            self.leave(who)?;
        }
        self.run_until(self.now + GOODBYES)?;
        for person in &self.people[leavers] {
            if person.process.is_some() && person.ended.is_none() && person.has_joined {
                return violated("who leaves gets out", format!("p{} waits", person.who));
            }
        }
        Ok(())
    }

    pub fn run_until(&mut self, end: Moment) -> Result<(), Violation> {
        while let Some((at, what)) = self.queue.next_before(end) {
            self.now = at;
            self.happen(what)?;
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, what: Happening) -> Result<(), Violation> {
        match what {
            Happening::Step(number) => self.step(number),
            Happening::ServiceUp => self.service_is_up(),
            Happening::Tick => self.tick(),
            Happening::Heartbeat(id) => self.heartbeat(id),
            Happening::Arrival(id, direction) => self.arrival(id, direction),
            Happening::Gone(id, side) => self.gone(id, side),
            Happening::Restart(who) => self.restart(who),
            Happening::Connect(who) => self.connect(who),
            Happening::Open(id) => self.open(id),
            Happening::Wake(who) => self.wake(who),
            Happening::Capture(who) => self.capture(who),
            Happening::Packet(number, who) => self.packet(number, who),
            Happening::Hostile => self.hostile_act(),
            Happening::LiarLetsGo => self.liar_lets_go(),
        }
    }

    fn tick(&mut self) -> Result<(), Violation> {
        self.service.tick(self.now);
        self.queue.put(self.now + TICK, Happening::Tick);
        self.serve()
    }

    fn wake(&mut self, who: usize) -> Result<(), Violation> {
        let Some(process) = &mut self.people[who].process else {
            return Ok(());
        };
        // A timer that was put off meanwhile has another entry in the queue.
        if process.wake_at.take_if(|at| *at <= self.now).is_none() {
            return Ok(());
        }
        process.manager.handle_timeout(self.now);
        process.pipeline.handle_timeout(self.now);
        self.carry_out(who)
    }

    /// Does all that a participant's key manager wants done, and looks at its timers.
    pub(super) fn carry_out(&mut self, who: usize) -> Result<(), Violation> {
        let mut new_epoch = false;
        loop {
            let Some(process) = &mut self.people[who].process else {
                return Ok(());
            };
            match process.manager.poll_output() {
                None => break,
                Some(Output::Send(message)) => self.say(who, &message)?,
                Some(Output::Media(update)) => {
                    self.ledger.keys(who, &update);
                    process.pipeline.apply(update, self.now);
                    self.released(who);
                }
                Some(Output::Event(event)) => {
                    new_epoch |= matches!(event, Event::EpochChanged { .. });
                    self.event(who, &event)?;
                }
                Some(Output::Reconnect) => {
                    self.trace
                        .note(self.now, || format!("p{who} wants another connection"));
                    self.hang_up(who)?;
                    self.queue.put(self.now, Happening::Connect(who));
                }
                Some(_) => {}
            }
        }
        if new_epoch && self.schedule.flavour.crashes() {
            self.people[who].save();
        }
        self.media_events(who)?;
        self.set_alarm(who);
        Ok(())
    }

    /// What the pipeline has to tell goes to the key manager.
    fn media_events(&mut self, who: usize) -> Result<(), Violation> {
        let Some(process) = &mut self.people[who].process else {
            return Ok(());
        };
        if self.schedule.flavour == Flavour::Quiet {
            check_nothing_refused(who, process.pipeline.stats())?;
        }
        while let Some(event) = process.pipeline.poll_event() {
            process.manager.handle_media_event(&event, self.now);
        }
        Ok(())
    }

    fn set_alarm(&mut self, who: usize) {
        let Some(process) = &mut self.people[who].process else {
            return;
        };
        let due = process.next_timeout().map(|at| at.max(self.now));
        if due != process.wake_at {
            process.wake_at = due;
            if let Some(at) = due {
                self.queue.put(at, Happening::Wake(who));
            }
        }
    }

    fn event(&mut self, who: usize, event: &Event) -> Result<(), Violation> {
        let flavour = self.schedule.flavour;
        self.trace
            .note(self.now, || format!("p{who} {}", trace::event(event)));
        self.ledger.event(who, event)?;
        match event {
            Event::Joined { .. } => {
                // A restored one believes so until the service tells it otherwise.
                let person = &mut self.people[who];
                person.kept_out &= person.being_evicted;
                self.sfu.admit(&self.people[who].name);
            }
            Event::MediaReady => self.on_air(who, true),
            Event::Resyncing { .. } => self.on_air(who, false),
            _ => {}
        }
        if ends(event) {
            check_end(&self.people[who], event, flavour)?;
            self.on_air(who, false);
            let person = &mut self.people[who];
            person.ended = Some(event.clone());
            person.being_evicted = false;
            if person.wants == Wants::In {
                person.wants = Wants::Either;
            }
            self.hang_up(who)?;
        }
        Ok(())
    }
}
