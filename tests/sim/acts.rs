//! The steps of a schedule, done to the world.

use std::time::Duration;

use mls_srtp::pipeline::MediaEvent;

use super::invariants::Violation;
use super::network::{Direction, Frame, Side};
use super::participant::Wants;
use super::queue::Happening;
use super::schedule::{Keeps, Step};
use super::world::World;

impl World {
    pub(super) fn step(&mut self, number: usize) -> Result<(), Violation> {
        let (_, step) = self.schedule.steps[number].clone();
        self.trace.note(self.now, || format!("* {step:?}"));
        match step {
            Step::Join(who) => self.join(who),
            Step::Leave(who) => self.leave(who),
            Step::Evict(whom) => self.evict(whom),
            Step::Crash {
                who,
                keeps,
                back_after,
                said_goodbye,
            } => self.crash(who, keeps, back_after, said_goodbye),
            Step::Reset {
                who,
                client_learns,
                service_learns,
            } => self.reset(who, client_learns, service_learns),
            Step::Abandon(who) => self.abandon(who),
            Step::Partition {
                who,
                directions,
                span,
            } => {
                let until = self.now + span;
                who.into_iter()
                    .for_each(|who| self.network.block(who, &directions, until));
                Ok(())
            }
            Step::Slow { who, by, span } => {
                self.network.slow_down(who, by, self.now + span);
                Ok(())
            }
            Step::RestartService { down } => self.restart_service(down),
            Step::FullDisk { span } => {
                self.service.fill_disk(self.now + span);
                Ok(())
            }
            Step::Lie { lie, victims, span } => self.begin_lie(lie, victims, span),
            Step::Hostility { who, every, span } => self.begin_hostility(who, every, span),
            Step::WearOut(who) => self.wear_out(who),
        }
    }

    fn join(&mut self, who: usize) -> Result<(), Violation> {
        self.readmit(who)?;
        let ran = self.people[who].process.is_some();
        if !self.people[who].join() {
            return Ok(());
        }
        self.started(who, ran);
        self.ledger.asked_to_join(who);
        self.carry_out(who)
    }

    /// The moderator lets somebody come again whom it had evicted, if it is there to do so.
    fn readmit(&mut self, who: usize) -> Result<(), Violation> {
        let person = &self.people[who];
        let (name, kept_out) = (person.name.clone(), person.kept_out);
        if let (true, Some(process)) = (kept_out, &mut self.people[0].process) {
            // In no room it readmits nobody.
            let _ = process.manager.readmit(name);
            self.carry_out(0)?;
        }
        Ok(())
    }

    /// Connects a process; a new one begins to capture, too.
    fn started(&mut self, who: usize, ran: bool) {
        if !ran {
            self.ledger.started(who);
            self.queue.put(self.now, Happening::Capture(who));
        }
        self.queue.put(self.now, Happening::Connect(who));
    }

    pub(super) fn leave(&mut self, who: usize) -> Result<(), Violation> {
        let person = &mut self.people[who];
        if person.wants == Wants::Out {
            return Ok(());
        }
        person.wants = Wants::Out;
        person.restarts_at = None;
        // Whoever leaves stops its camera first.
        self.on_air(who, false);
        let person = &mut self.people[who];
        if let Some(process) = &mut person.process
            && person.ended.is_none()
        {
            process
                .manager
                .leave()
                .expect("a stay that has not ended can be left");
        }
        self.carry_out(who)
    }

    fn evict(&mut self, whom: usize) -> Result<(), Violation> {
        let name = self.people[whom].name.clone();
        let Some(process) = &mut self.people[0].process else {
            return Ok(());
        };
        // A member that is not in the room any more is told so.
        if process.manager.evict(name).is_ok() {
            let person = &mut self.people[whom];
            person.being_evicted = true;
            person.kept_out = true;
            if person.wants == Wants::In {
                person.wants = Wants::Either;
            }
        }
        self.carry_out(0)
    }

    fn crash(
        &mut self,
        who: usize,
        keeps: Keeps,
        back_after: Option<Duration>,
        said_goodbye: bool,
    ) -> Result<(), Violation> {
        let person = &mut self.people[who];
        if person.process.is_none() || person.ended.is_some() {
            return Ok(());
        }
        let connection = person.crash(keeps);
        match back_after {
            Some(span) if person.wants != Wants::Out => {
                person.restarts_at = Some(self.now + span);
                self.queue.put(self.now + span, Happening::Restart(who));
            }
            _ => person.wants = Wants::Out,
        }
        if let Some(id) = connection {
            self.network.close(id, Side::Client);
            if said_goodbye {
                self.transmit(id, Direction::Up, Frame::Close);
            } else {
                self.network.cut(id);
            }
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, who: usize) -> Result<(), Violation> {
        let due = self.people[who]
            .restarts_at
            .is_some_and(|at| at <= self.now);
        if !due {
            return Ok(());
        }
        self.trace.note(self.now, || format!("* p{who} is back"));
        self.people[who].restart(self.now);
        self.started(who, false);
        self.carry_out(who)
    }

    fn reset(
        &mut self,
        who: usize,
        client_learns: Option<Duration>,
        service_learns: Option<Duration>,
    ) -> Result<(), Violation> {
        let process = self.people[who].process.as_ref();
        let Some(id) = process.and_then(|process| process.connection) else {
            return Ok(());
        };
        self.network.cut(id);
        // Whoever learns nothing by itself is told by its system in the end, when what it sends is
        // never acknowledged.
        let client_learns = client_learns.unwrap_or(SYSTEM_GIVES_UP);
        self.queue
            .put(self.now + client_learns, Happening::Gone(id, Side::Client));
        if let Some(span) = service_learns {
            self.queue
                .put(self.now + span, Happening::Gone(id, Side::Service));
        }
        Ok(())
    }

    fn abandon(&mut self, who: usize) -> Result<(), Violation> {
        self.hang_up(who)?;
        self.connect(who)
    }

    fn restart_service(&mut self, down: Duration) -> Result<(), Violation> {
        if !self.service.is_up() {
            return Ok(());
        }
        self.service.stop();
        for id in self.network.of_service() {
            self.network.cut(id);
            self.network.close(id, Side::Service);
            self.queue.put(
                self.now + LEARNS_OF_DEATH,
                Happening::Gone(id, Side::Client),
            );
        }
        self.queue.put(self.now + down, Happening::ServiceUp);
        Ok(())
    }

    pub(super) fn service_is_up(&mut self) -> Result<(), Violation> {
        self.trace.note(self.now, || "* the service is back".into());
        self.service.start(self.now);
        Ok(())
    }

    fn wear_out(&mut self, who: usize) -> Result<(), Violation> {
        if let Some(process) = &mut self.people[who].process
            && let Some(epoch) = process.pipeline.sending_epoch()
        {
            let worn_out = MediaEvent::KeyWornOut { epoch };
            process.manager.handle_media_event(&worn_out, self.now);
        }
        self.carry_out(who)
    }
}

/// When a client's system ends a connection that carries nothing.
const SYSTEM_GIVES_UP: Duration = Duration::from_secs(60);
/// When clients learn that the service's process has died.
const LEARNS_OF_DEATH: Duration = Duration::from_millis(40);
