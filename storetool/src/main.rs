//! `storetool`: see [`storetool`](::storetool).

use std::process::ExitCode;

fn main() -> ExitCode {
    storetool::main()
}
