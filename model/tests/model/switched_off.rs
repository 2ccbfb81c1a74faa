//! Each rule is there for a property that fails without it.
//!
//! The properties are checked in the smallest room that shows it. Rules whose absence breaks
//! nothing are not in the model.

use crate::check::assert_fails;
use crate::properties::*;
use crate::rules::{Budget, Rules};
use crate::world::Room;

macro_rules! budget {
    ({ $($what:ident),* }) => {{
        let mut budget = Budget::default();
        $(budget.$what += 1;)*
        budget
    }};
}

/// `name: rule => property, in a room of so many members that is struck so often;`
macro_rules! fails_without {
    ($($name:ident: $rule:ident => $property:ident, $members:literal, $budget:tt;)*) => {$(
        #[test]
        fn $name() {
            let mut rules = Rules::ALL;
            rules.$rule = false;
            // The service's last resort would hide that a room is stuck.
            rules.give_up_on_silence &= $property != SETTLES;
            let room = Room::of(&[$members], rules, budget!($budget));
            assert_fails(stringify!($rule), $property, &room);
        }
    )*};
}

fails_without! {
    cas_one_commit: cas_on_epoch => ONE_COMMIT, 2, { joins };
    cas_proposals: cas_on_epoch => OF_ITS_EPOCH, 2, { joins };
    cas_rosters: cas_on_epoch => REMOVED_FOR_GOOD, 2, { joins, leaves };
    acceptance_order: wait_for_acceptance => ACCEPTED_FIRST, 2, { joins };
    acceptance_history: wait_for_acceptance => ONE_HISTORY, 2, { joins };
    omission: refuse_omission => COMPLETE, 2, { joins, omissions };
    withdrawn: refuse_withdrawn => NOT_WITHDRAWN, 3, { breaks };
    renewal: renewal_lifts_withdrawal => SETTLES, 2, { breaks, breaks };
    return_in_time: withdraw_on_return => NOT_UNASKED, 3, { breaks };
    wishes: resign_wishes => NO_LOST_WISH, 2, { joins, crashes };
    late_wish: refuse_what_cannot_be_proposed => NO_LOST_WISH, 1, { joins, breaks, breaks, breaks, distrusts };
    waiting_wish: propose_what_waited => NO_LOST_WISH, 2, { joins, breaks, breaks, distrusts };
    newest_connection: newest_connection_counts => HEARD, 2, { joins, breaks };
    last_to_leave: keep_while_somebody_stays => NOT_CLOSED_OVER, 3, { leaves };
    last_to_leave_but_one: keep_for_who_is_away => NOT_CLOSED_OVER, 2, { leaves, breaks };
    silence: give_up_on_silence => SETTLES, 1, { joins, silences };
    welcome: welcome_only_its_key => APPLICABLE, 2, { joins, breaks, breaks };
    few_decliners: fewer_decliners_if_few => SETTLES, 1, { joins, distrusts };
    declined_before: decline_again => SETTLES, 2, { joins, breaks, distrusts };
    takeover: takeover => SETTLES, 2, { joins, silences };
    lost_race: drop_on_lost_race => SETTLES, 3, { leaves, crashes };
    return_quietly: quiet_until_greeted => APPLICABLE, 2, { joins, breaks };
    return_and_retry: retry_after_return => SETTLES, 1, { joins, breaks };
    return_and_wait: keep_commit_on_return => APPLICABLE, 2, { joins, breaks };
}
