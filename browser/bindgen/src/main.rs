//! `bindgen MODULE.wasm FOLDER`: writes the module with its JavaScript and types, for `import`.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let module = args.next().context("which module?")?;
    let folder = args.next().context("into which folder?")?;
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .typescript(true)
        .remove_producers_section(true)
        .generate(folder)
}
