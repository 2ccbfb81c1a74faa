//! Facts of the key manager and the pipeline, in words that JavaScript can read.

use mls_srtp::KeyManager;
use mls_srtp::delivery::CloseReason;
use mls_srtp::epoch::SwitchReason;
use mls_srtp::event::{Event, FatalCause, ResyncCause};
use mls_srtp::group::Roster;
use mls_srtp::pipeline::{FramePipeline, MediaEvent, Trouble};
use mls_srtp::trust::TrustCode;
use serde_json::{Value, json};

/// A fact about the group, tagged by `type`.
pub(crate) fn group(event: &Event) -> Value {
    match event {
        Event::Joined { group_id, leaf } => {
            json!({ "type": "joined", "group": group_id, "leaf": leaf })
        }
        Event::EpochChanged {
            epoch,
            added,
            removed,
            roster,
            code,
        } => json!({
            "type": "epoch_changed",
            "epoch": epoch,
            "added": added,
            "removed": removed,
            "roster": members(roster),
            "code": code.to_string(),
        }),
        Event::SendingIn { epoch, reason } => {
            json!({ "type": "sending_in", "epoch": epoch, "reason": switch_reason(*reason) })
        }
        Event::StrongerSuitePossible { suite } => {
            json!({ "type": "stronger_suite_possible", "suite": suite })
        }
        Event::MediaReady => json!({ "type": "media_ready" }),
        Event::KeyframeWanted => json!({ "type": "keyframe_wanted" }),
        Event::Stalled => json!({ "type": "stalled" }),
        Event::StallEnded => json!({ "type": "stall_ended" }),
        Event::Untrusted {
            participant,
            leaf,
            code,
            reason,
        } => json!({
            "type": "untrusted", "participant": participant, "leaf": leaf, "code": code,
            "reason": reason,
        }),
        Event::JoinerDeclined {
            participant,
            code,
            reason,
        } => json!({
            "type": "joiner_declined", "participant": participant, "code": code, "reason": reason,
            "remedy": code.remedy(),
        }),
        Event::TrustWarning {
            participant,
            warning,
        } => json!({
            "type": "trust_warning", "participant": participant, "warning": warning,
            "detail": warning.in_words(),
        }),
        Event::TrustRestored { participant } => {
            json!({ "type": "trust_restored", "participant": participant })
        }
        Event::RoomLocked { locked, by } => {
            json!({ "type": "room_locked", "locked": locked, "by": by })
        }
        Event::RoomReset { author } => json!({ "type": "room_reset", "author": author }),
        Event::Resyncing { cause } => {
            json!({ "type": "resyncing", "reason": resync_reason(cause), "detail": cause.to_string() })
        }
        Event::Refused {
            request,
            reason,
            code,
            detail,
        } => json!({
            "type": "refused", "request": request, "reason": reason, "code": code,
            "detail": detail,
        }),
        Event::Left => json!({ "type": "left" }),
        Event::Removed => json!({ "type": "removed" }),
        Event::Fatal(cause) => {
            let (reason, code) = (fatal_reason(cause), trust_code(cause));
            let remedy = code.map(TrustCode::remedy);
            let detail = cause.to_string();
            json!({ "type": "fatal", "reason": reason, "code": code, "detail": detail, "remedy": remedy })
        }
        _ => json!({ "type": "other", "detail": format!("{event:?}") }),
    }
}

/// A fact about media, tagged by `type`.
pub(crate) fn media(event: &MediaEvent) -> Value {
    match event {
        MediaEvent::Refusing {
            participant,
            leaf,
            trouble,
        } => json!({
            "type": "refusing",
            "participant": &**participant,
            "leaf": leaf,
            "trouble": trouble_name(*trouble),
        }),
        MediaEvent::Resumed {
            participant,
            trouble,
        } => json!({
            "type": "resumed",
            "participant": &**participant,
            "trouble": trouble_name(*trouble),
        }),
        MediaEvent::KeyWornOut { epoch } => json!({ "type": "key_worn_out", "epoch": epoch }),
        _ => json!({ "type": "other", "detail": format!("{event:?}") }),
    }
}

/// Position and counters.
pub(crate) fn stats(manager: &KeyManager, frames: &FramePipeline) -> Value {
    let position = manager.position();
    let stats = frames.stats();
    let senders: Vec<Value> = stats
        .senders
        .iter()
        .map(|(participant, sender)| {
            json!({
                "participant": &**participant,
                "opened": sender.opened,
                "openedLate": sender.opened_late,
                "replayed": sender.replayed,
                "authFailed": sender.auth_failed,
                "missingKey": sender.missing_key,
                "wrongStream": sender.wrong_stream,
            })
        })
        .collect();
    json!({
        "suite": manager.suite(),
        "group": position.map(|(group, _)| group),
        "epoch": position.map(|(_, epoch)| epoch),
        "sendingEpoch": frames.sending_epoch(),
        "protected": stats.protected,
        "protectRefused": stats.protect_refused,
        "malformed": stats.malformed,
        "unknownEpoch": stats.unknown_epoch,
        "unknownLeaf": stats.unknown_leaf,
        "missingKey": stats.missing_key,
        "senders": senders,
    })
}

fn members(roster: &Roster) -> Vec<Value> {
    roster
        .iter()
        .map(|member| json!({ "leaf": member.leaf, "participant": &*member.participant }))
        .collect()
}

fn switch_reason(reason: SwitchReason) -> &'static str {
    match reason {
        SwitchReason::First => "first",
        SwitchReason::Removal => "removal",
        SwitchReason::AllReady => "all_ready",
        SwitchReason::Cap => "cap",
    }
}

fn trouble_name(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::MissingKey => "missing_key",
        Trouble::AuthFailed => "auth_failed",
        Trouble::Replayed => "replayed",
        Trouble::WrongStream => "wrong_stream",
    }
}

fn resync_reason(cause: &ResyncCause) -> &'static str {
    match cause {
        ResyncCause::LogGap => "log_gap",
        ResyncCause::CannotApply(_) => "cannot_apply",
        ResyncCause::GroupReplaced => "group_replaced",
        ResyncCause::NotResumed => "not_resumed",
        _ => "other",
    }
}

/// What is wrong with a token or credential, if it is that.
fn trust_code(cause: &FatalCause) -> Option<TrustCode> {
    match cause {
        FatalCause::NotAdmitted { code, .. } | FatalCause::NotTrusted { code, .. } => *code,
        _ => None,
    }
}

fn fatal_reason(cause: &FatalCause) -> &'static str {
    match cause {
        FatalCause::NotAdmitted { .. } => "not_admitted",
        FatalCause::WrongRoom => "wrong_room",
        FatalCause::UnsupportedMode { .. } => "unsupported_mode",
        FatalCause::SuiteNotAccepted { .. } => "suite_not_accepted",
        FatalCause::CannotStay(_) => "cannot_stay",
        FatalCause::NotTrusted { .. } => "not_trusted",
        FatalCause::TermsBroken => "terms_broken",
        FatalCause::Closed(CloseReason::Replaced) => "replaced",
        FatalCause::Closed(CloseReason::Barred) => "barred",
        FatalCause::Closed(_) => "closed",
        FatalCause::Internal(_) => "internal",
        _ => "other",
    }
}
