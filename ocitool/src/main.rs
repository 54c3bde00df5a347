//! `ocitool`: see [`ocitool`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ocitool::main()
}
