//! Writes good inputs into `corpus/`, for fuzzers to begin with.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (number, (target, bytes)) in fuzz::seeds().into_iter().enumerate() {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(format!("seed-{number}")), bytes)?;
    }
    Ok(())
}
