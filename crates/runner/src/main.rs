//! The build's only command: plans or applies one operation with Terraform. Everything is in the library, because the
//! `slipway` executable is this program too when it is called by this name.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipway_runner::main_with(slipway_runner::environment())
}
