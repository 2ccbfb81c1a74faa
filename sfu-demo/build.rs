//! The conference page is compiled in; a new or changed file of it means compiling again.

fn main() {
    println!("cargo:rerun-if-changed=../browser/dist");
}
