//! Somebody else's engine, kept from taking everybody down with it.
//!
//! The WebRTC engine parses what strangers send: SDP, STUN, DTLS, RTCP. All peers share one thread,
//! so a panic that one of them can cause would end every call. Here it ends that peer's connection.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// An engine that is gone for good once it has panicked.
pub(crate) struct Contained<T>(Option<T>);

/// The engine has panicked, now or before. The panic itself went to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

impl<T> Contained<T> {
    pub(crate) fn new(engine: T) -> Self {
        Self(Some(engine))
    }

    /// Lets the engine do something. Nothing but the engine may be left half done by a panic.
    pub(crate) fn call<R>(&mut self, work: impl FnOnce(&mut T) -> R) -> Result<R, Panicked> {
        let engine = self.0.as_mut().ok_or(Panicked)?;
        // Nobody sees the engine again, whatever state it is in.
        catch_unwind(AssertUnwindSafe(|| work(engine))).map_err(|_| {
            let broken = self.0.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
            Panicked
        })
    }

    /// Whether it has panicked.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics when it is dropped half done.
    struct Engine(u32);

    impl Drop for Engine {
        fn drop(&mut self) {
            assert!(self.0 != 7, "dropped half done");
        }
    }

    #[test]
    fn a_panic_ends_the_engine_and_nothing_else() {
        let mut engine = Contained::new(Engine(1));
        assert_eq!(engine.call(|engine| engine.0 + 1), Ok(2));
        assert!(!engine.is_broken());
        let panicked = engine.call(|engine| {
            engine.0 = 7;
            let packet: &[u8] = &[];
            packet[0]
        });
        assert_eq!(panicked, Err(Panicked));
        assert!(engine.is_broken());
        assert_eq!(engine.call(|engine| engine.0), Err(Panicked));
    }
}
