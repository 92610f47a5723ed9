//! The crate `getrandom` finds libc's function by name when it runs, so the tests' own must be among the exported symbols.

fn main() {
    println!("cargo::rustc-link-arg-tests=-rdynamic");
}
