//! When sending moves to a new epoch.

use std::time::Duration;

use crate::id::Epoch;
use crate::time::Moment;

/// Why sending moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchReason {
    /// The epoch is the first one of this member, who has nothing older to send in.
    First,
    /// The commit removed somebody, who must not be sent another packet that he can read; or one
    /// before it did, whose epoch this member could not send in.
    Removal,
    /// Every connected member has reported the epoch applied.
    AllReady,
    /// Not all reported in time; they get what comes meanwhile from their early-packet buffer.
    Cap,
}

/// The epoch used for sending, and the one that waits to be.
///
/// Receivers need a moment to apply a commit. Sending in the new epoch before they have costs
/// them buffering; never switching costs everything. So: at once when the commit removes somebody,
/// otherwise when all are ready, and after a cap in any case.
#[derive(Debug, Default)]
pub struct SendSwitch {
    sending: Option<Epoch>,
    waiting: Option<(Epoch, Moment)>,
    /// Somebody was removed by a commit whose epoch could not be sent in.
    removed: bool,
}

impl SendSwitch {
    /// A new epoch can be used from now on. Says whether to switch at once.
    pub fn applied(
        &mut self,
        epoch: Epoch,
        removes: bool,
        now: Moment,
        cap: Duration,
    ) -> Option<SwitchReason> {
        if std::mem::take(&mut self.removed) || removes {
            return self.switch(epoch, SwitchReason::Removal);
        }
        if self.sending.is_none() {
            return self.switch(epoch, SwitchReason::First);
        }
        // An epoch that replaces a waiting one does not start the cap anew: under steady joins the
        // switch would otherwise never come.
        let deadline = self.waiting.map_or(now + cap, |(_, deadline)| deadline);
        self.waiting = Some((epoch, deadline));
        None
    }

    /// A new epoch that must not be sent in. Whom it removed is still to be forgotten as soon as after
    /// any removal, once there is one that may.
    pub fn passed(&mut self, removes: bool) {
        self.removed |= removes;
    }

    /// All members reported `epoch`. Says whether that lets us switch.
    pub fn all_ready(&mut self, epoch: Epoch) -> Option<SwitchReason> {
        let (waiting, _) = self.waiting.filter(|(waiting, _)| *waiting <= epoch)?;
        self.switch(waiting, SwitchReason::AllReady)
    }

    /// Switches when the cap has passed.
    pub fn handle_timeout(&mut self, now: Moment) -> Option<SwitchReason> {
        let (waiting, _) = self.waiting.filter(|(_, deadline)| *deadline <= now)?;
        self.switch(waiting, SwitchReason::Cap)
    }

    /// When the cap passes.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.waiting.map(|(_, deadline)| deadline)
    }

    /// The epoch used for sending.
    pub fn sending(&self) -> Option<Epoch> {
        self.sending
    }

    fn switch(&mut self, epoch: Epoch, reason: SwitchReason) -> Option<SwitchReason> {
        self.sending = Some(epoch);
        self.waiting = None;
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Duration = Duration::from_millis(300);

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn in_epoch_1() -> SendSwitch {
        let mut switch = SendSwitch::default();
        assert_eq!(
            switch.applied(Epoch::new(1), false, at(0), CAP),
            Some(SwitchReason::First)
        );
        switch
    }

    #[test]
    fn a_removal_switches_at_once() {
        let mut switch = in_epoch_1();
        let reason = switch.applied(Epoch::new(2), true, at(5), CAP);
        assert_eq!(
            (reason, switch.sending()),
            (Some(SwitchReason::Removal), Some(Epoch::new(2)))
        );
    }

    #[test]
    fn a_removal_in_an_epoch_that_is_not_sent_in_counts_for_the_first_that_is() {
        let mut switch = SendSwitch::default();
        for removes in [false, true, false] {
            switch.passed(removes);
        }
        let reason = switch.applied(Epoch::new(4), false, at(5), CAP);
        assert_eq!(reason, Some(SwitchReason::Removal));
        assert_eq!(
            switch.applied(Epoch::new(5), false, at(6), CAP),
            None,
            "once"
        );
    }

    #[test]
    fn an_addition_waits_for_all_or_the_cap() {
        let mut switch = in_epoch_1();
        assert_eq!(switch.applied(Epoch::new(2), false, at(5), CAP), None);
        assert_eq!(
            switch.all_ready(Epoch::new(1)),
            None,
            "an older epoch's report says nothing"
        );
        assert_eq!(switch.handle_timeout(at(304)), None);
        assert_eq!(switch.sending(), Some(Epoch::new(1)));
        assert_eq!(switch.handle_timeout(at(305)), Some(SwitchReason::Cap));

        assert_eq!(switch.applied(Epoch::new(3), false, at(400), CAP), None);
        assert_eq!(
            switch.all_ready(Epoch::new(3)),
            Some(SwitchReason::AllReady)
        );
        assert_eq!(
            (switch.sending(), switch.poll_timeout()),
            (Some(Epoch::new(3)), None)
        );
    }

    #[test]
    fn steady_joins_do_not_put_the_switch_off_for_ever() {
        let mut switch = in_epoch_1();
        for (epoch, millis) in [(2, 0), (3, 100), (4, 200)] {
            assert_eq!(
                switch.applied(Epoch::new(epoch), false, at(millis), CAP),
                None
            );
        }
        assert_eq!(switch.handle_timeout(at(300)), Some(SwitchReason::Cap));
        assert_eq!(switch.sending(), Some(Epoch::new(4)));
    }
}
