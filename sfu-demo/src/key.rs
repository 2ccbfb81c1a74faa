//! `key`: the signature key that a participant keeps, for whoever makes tokens or certificates.

use std::error::Error;
use std::process::ExitCode;

use mls_srtp::token::thumbprint;
use mls_srtp::{KeyManager, ManagerConfig};
use mls_srtp_participant::state::{SqliteStateStore, StateError, StateStore as _};

use crate::cli::Key;

/// Prints the thumbprint alone, so that it can be passed on: 0, or 1 if the state cannot be used.
pub fn run(args: &Key) -> ExitCode {
    match thumbprint_in(args) {
        Ok(thumbprint) => {
            println!("{thumbprint}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn thumbprint_in(args: &Key) -> Result<String, Box<dyn Error>> {
    let mut store = SqliteStateStore::open(&args.state)?;
    let manager = match store.load()? {
        Some(saved) => {
            let saved = saved.without_group()?;
            KeyManager::restore(&saved, ManagerConfig::default(), Default::default())?
        }
        None => {
            let manager = KeyManager::new(args.name.clone(), ManagerConfig::default())?;
            store.save(&manager.save()?)?;
            manager
        }
    };
    if *manager.participant() != args.name {
        return Err(StateError::OfAnother {
            found: manager.participant().to_string(),
            asked: args.name.to_string(),
        }
        .into());
    }
    Ok(thumbprint(manager.public_key().as_slice()))
}
