//! Each rule is there for a property that fails without it.

use crate::check::assert_fails;
use crate::properties::*;
use crate::rules::{Budget, Rules};
use crate::world::Room;

#[test]
fn cas_on_epoch_one_commit() {
    let mut rules = Rules::ALL;
    rules.cas_on_epoch = false;
    let budget = Budget {
        joins: 1,
        ..Budget::default()
    };
    assert_fails(
        "cas_on_epoch",
        ONE_COMMIT,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn cas_on_epoch_of_its_epoch() {
    let mut rules = Rules::ALL;
    rules.cas_on_epoch = false;
    let budget = Budget {
        joins: 1,
        ..Budget::default()
    };
    assert_fails(
        "cas_on_epoch",
        OF_ITS_EPOCH,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn cas_on_epoch_removed_for_good() {
    let mut rules = Rules::ALL;
    rules.cas_on_epoch = false;
    let budget = Budget {
        joins: 1,
        leaves: 1,
        ..Budget::default()
    };
    assert_fails(
        "cas_on_epoch",
        REMOVED_FOR_GOOD,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn refuse_omission() {
    let mut rules = Rules::ALL;
    rules.refuse_omission = false;
    let budget = Budget {
        joins: 1,
        omissions: 1,
        ..Budget::default()
    };
    assert_fails(
        "refuse_omission",
        COMPLETE,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn refuse_withdrawn() {
    let mut rules = Rules::ALL;
    rules.refuse_withdrawn = false;
    let budget = Budget {
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "refuse_withdrawn",
        NOT_WITHDRAWN,
        &Room {
            rules,
            budget,
            members: vec![3],
        },
    );
}

#[test]
fn renewal_lifts_withdrawal() {
    let mut rules = Rules::ALL;
    rules.renewal_lifts_withdrawal = false;
    let budget = Budget {
        breaks: 2,
        ..Budget::default()
    };
    assert_fails(
        "renewal_lifts_withdrawal",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn withdraw_on_return() {
    let mut rules = Rules::ALL;
    rules.withdraw_on_return = false;
    let budget = Budget {
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "withdraw_on_return",
        NOT_UNASKED,
        &Room {
            rules,
            budget,
            members: vec![3],
        },
    );
}

#[test]
fn resign_wishes() {
    let mut rules = Rules::ALL;
    rules.resign_wishes = false;
    let budget = Budget {
        joins: 1,
        crashes: 1,
        ..Budget::default()
    };
    assert_fails(
        "resign_wishes",
        NO_LOST_WISH,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn newer_key_withdraws() {
    let mut rules = Rules::ALL;
    rules.newer_key_withdraws = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        distrusts: 1,
        ..Budget::default()
    };
    assert_fails(
        "newer_key_withdraws",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn newest_connection_counts() {
    let mut rules = Rules::ALL;
    rules.newest_connection_counts = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "newest_connection_counts",
        HEARD,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn keep_while_somebody_stays() {
    let mut rules = Rules::ALL;
    rules.keep_while_somebody_stays = false;
    let budget = Budget {
        leaves: 1,
        ..Budget::default()
    };
    assert_fails(
        "keep_while_somebody_stays",
        NOT_CLOSED_OVER,
        &Room {
            rules,
            budget,
            members: vec![3],
        },
    );
}

#[test]
fn welcome_only_its_key() {
    let mut rules = Rules::ALL;
    rules.welcome_only_its_key = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "welcome_only_its_key",
        APPLICABLE,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn fewer_decliners_if_few() {
    let mut rules = Rules::ALL;
    rules.fewer_decliners_if_few = false;
    let budget = Budget {
        joins: 1,
        distrusts: 1,
        ..Budget::default()
    };
    assert_fails(
        "fewer_decliners_if_few",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![1],
        },
    );
}

#[test]
fn wait_for_acceptance_accepted_first() {
    let mut rules = Rules::ALL;
    rules.wait_for_acceptance = false;
    let budget = Budget {
        joins: 1,
        ..Budget::default()
    };
    assert_fails(
        "wait_for_acceptance",
        ACCEPTED_FIRST,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn wait_for_acceptance_one_history() {
    let mut rules = Rules::ALL;
    rules.wait_for_acceptance = false;
    let budget = Budget {
        joins: 1,
        ..Budget::default()
    };
    assert_fails(
        "wait_for_acceptance",
        ONE_HISTORY,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn takeover() {
    let mut rules = Rules::ALL;
    rules.takeover = false;
    let budget = Budget {
        joins: 1,
        silences: 1,
        ..Budget::default()
    };
    assert_fails(
        "takeover",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn drop_on_lost_race() {
    let mut rules = Rules::ALL;
    rules.drop_on_lost_race = false;
    let budget = Budget {
        joins: 1,
        crashes: 1,
        ..Budget::default()
    };
    assert_fails(
        "drop_on_lost_race",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn quiet_until_greeted() {
    let mut rules = Rules::ALL;
    rules.quiet_until_greeted = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "quiet_until_greeted",
        APPLICABLE,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn retry_after_return() {
    let mut rules = Rules::ALL;
    rules.retry_after_return = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "retry_after_return",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![1],
        },
    );
}

#[test]
fn keep_commit_on_return() {
    let mut rules = Rules::ALL;
    rules.keep_commit_on_return = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        ..Budget::default()
    };
    assert_fails(
        "keep_commit_on_return",
        APPLICABLE,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}

#[test]
fn decline_again() {
    let mut rules = Rules::ALL;
    rules.decline_again = false;
    let budget = Budget {
        joins: 1,
        breaks: 1,
        distrusts: 1,
        ..Budget::default()
    };
    assert_fails(
        "decline_again",
        SETTLES,
        &Room {
            rules,
            budget,
            members: vec![2],
        },
    );
}
