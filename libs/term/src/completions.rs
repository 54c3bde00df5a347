//! Shell completions made from the grammar.

use clap::Command;
use clap_complete::{Shell, generate};

/// The shells, and the file that each looks for when it completes `program`.
pub const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "{}.bash"),
    (Shell::Zsh, "_{}"),
    (Shell::Fish, "{}.fish"),
];

/// The completion script of a program for one shell.
pub fn script(command: &Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    let name = command.get_name().to_owned();
    generate(shell, &mut command.clone(), name, &mut text);
    text
}

/// Every completion script of a program: file name, text.
pub fn scripts(command: &Command) -> Vec<(String, Vec<u8>)> {
    SHELLS
        .into_iter()
        .map(|(shell, file)| {
            (
                file.replace("{}", command.get_name()),
                script(command, shell),
            )
        })
        .collect()
}
