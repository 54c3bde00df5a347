//! Shell completions made from the grammar.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::{Shell, generate};

/// The shells, and the file that each looks for when it completes `program`.
pub const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "{}.bash"),
    (Shell::Zsh, "_{}"),
    (Shell::Fish, "{}.fish"),
];

/// The name that values of bool flags have in the grammar.
const BOOL: &str = "BOOL";

/// The completion script of a program for one shell.
pub fn script(command: &Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    let name = command.get_name().to_owned();
    let mut offering = offer_booleans(command.clone());
    generate(shell, &mut offering, name, &mut text);
    match shell {
        Shell::Bash => values_after_equals(command, &one_name(command, &text)),
        Shell::Fish => argparse_without_dots(&text),
        _ => text,
    }
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

/// Names the values of bool flags, which the grammar reads by a function.
fn offer_booleans(command: Command) -> Command {
    command
        .mut_args(|arg| match is_bool(&arg) {
            true => arg.value_parser(PossibleValuesParser::new(["true", "false"])),
            false => arg,
        })
        .mut_subcommands(offer_booleans)
}

fn is_bool(arg: &Arg) -> bool {
    arg.get_value_names()
        .is_some_and(|names| names.len() == 1 && names[0] == BOOL)
}

/// Has bash call a program with a dash by one name: clap_complete looks for verbs below another than
/// the one by which it notes them, and so would offer nothing behind a verb.
fn one_name(command: &Command, script: &[u8]) -> Vec<u8> {
    let name = command.get_name();
    String::from_utf8_lossy(script)
        .replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
        .into_bytes()
}

/// Has fish see the verb behind flags whose names have a dot, which its `argparse` refuses: there
/// they have a dash.
fn argparse_without_dots(script: &[u8]) -> Vec<u8> {
    const SPECS: &str = "    string join \\n ";
    const WORDS: &str = "    set -e cmd[1]\n";
    let text = String::from_utf8_lossy(script);
    let specs = text.lines().find(|line| line.starts_with(SPECS));
    let Some(specs) = specs.filter(|specs| specs.contains('.')) else {
        return script.to_vec();
    };
    let words =
        format!("{WORDS}    set cmd (string replace --regex -- '^(--[^=]*)\\.' '$1-' $cmd)\n");
    text.replacen(specs, &specs.replace('.', "-"), 1)
        .replacen(WORDS, &words, 1)
        .into_bytes()
}

/// Has bash see the flag before a value that follows `=`, which is a word of its own there; and no
/// value after a blank where a flag takes none.
fn values_after_equals(command: &Command, script: &[u8]) -> Vec<u8> {
    const LINE: &str = "    prev=\"$3\"\n";
    let mut flags = Vec::new();
    equals_only(command, &mut flags);
    flags.sort();
    flags.dedup();
    let mut after = format!(
        "{LINE}    case \"$3\" in\n        =)\n            prev=\"${{COMP_WORDS[COMP_CWORD-2]}}\"\n            ;;\n"
    );
    if !flags.is_empty() {
        after += &format!(
            "        {})\n            [[ \"${{COMP_WORDS[COMP_CWORD]}}\" == \"=\" ]] || prev=\"\"\n            ;;\n",
            flags.join("|")
        );
    }
    after += "    esac\n";
    String::from_utf8_lossy(script)
        .replacen(LINE, &after, 1)
        .into_bytes()
}

/// Collects the flags whose value must follow a `=`.
fn equals_only(command: &Command, flags: &mut Vec<String>) {
    let found = command
        .get_arguments()
        .filter(|arg| arg.is_require_equals_set());
    for arg in found {
        let names = arg.get_long_and_visible_aliases().unwrap_or_default();
        flags.extend(names.iter().map(|name| format!("--{name}")));
        let letters = arg.get_short_and_visible_aliases().unwrap_or_default();
        flags.extend(letters.iter().map(|letter| format!("-{letter}")));
    }
    for verb in command.get_subcommands() {
        equals_only(verb, flags);
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn bash_offers_values_where_they_are_taken() {
        let bool_flag = Arg::new("verify")
            .long("verify")
            .short('v')
            .value_name(BOOL)
            .num_args(0..=1)
            .require_equals(true);
        let command = Command::new("p").subcommand(
            Command::new("show")
                .arg(bool_flag)
                .arg(Arg::new("how").long("how").value_parser(["a", "b"])),
        );
        let script = String::from_utf8(script(&command, Shell::Bash)).unwrap();
        let offered = |words: &str, current: &str, before: &str| {
            let line = format!(
                "{script}\nCOMP_WORDS=(p show {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))
                _p p '{current}' '{before}'; echo \"${{COMPREPLY[@]}}\""
            );
            let bash = process::Command::new("bash").args(["-c", &line]).output();
            String::from_utf8(bash.unwrap().stdout).unwrap()
        };
        for (words, current, before, want) in [
            ("--verify =", "", "--verify", "true false\n"),
            ("--verify = f", "f", "=", "false\n"),
            ("-v =", "", "-v", "true false\n"),
            ("--how =", "", "--how", "a b\n"),
            ("--how = b", "b", "=", "b\n"),
            ("--how ''", "", "--how", "a b\n"),
        ] {
            assert_eq!(offered(words, current, before), want, "{words}");
        }
        let next = offered("--verify ''", "", "--verify");
        assert!(next.contains("--how") && !next.contains("true"), "{next}");
    }

    #[test]
    fn bash_offers_the_flags_of_a_verb_of_a_program_with_a_dash() {
        let verb = Command::new("list-tags").arg(Arg::new("lines").long("lines"));
        let command = Command::new("p-q").subcommand(verb);
        let script = String::from_utf8(script(&command, Shell::Bash)).unwrap();
        let line = format!(
            "{script}\nCOMP_WORDS=(p-q list-tags --l); COMP_CWORD=2
            _p__q p-q --l list-tags; echo \"${{COMPREPLY[@]}}\""
        );
        let bash = process::Command::new("bash").args(["-c", &line]).output();
        assert_eq!(
            String::from_utf8(bash.unwrap().stdout).unwrap(),
            "--lines\n"
        );
    }

    #[test]
    fn fish_is_handed_no_flag_with_a_dot_to_parse() {
        let command = Command::new("p")
            .arg(Arg::new("dir").long("registries.d"))
            .subcommand(Command::new("show"));
        let script = String::from_utf8(script(&command, Shell::Fish)).unwrap();
        assert!(
            script.contains("\n    string join \\n registries-d= h/help\n"),
            "{script}"
        );
        assert!(
            script
                .contains("(string replace --regex -- '^(--[^=]*)\\.' '$1-' $cmd)\n    argparse "),
            "{script}"
        );
        assert!(script.contains(" -l registries.d "), "{script}");
    }
}
