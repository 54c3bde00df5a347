//! The grammar of `pflag` on top of clap, for programs that must read what the Go originals read.
//!
//! Three things differ. A bool flag may carry a value (`--raw=false`); a flag given twice counts
//! the last time; and a flag's value may begin with a dash. [`normalise`] rewrites the first into
//! clap's words, so that the help stays free of `[=<BOOL>]` on every line.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

/// Reads a bool as Go's `strconv.ParseBool`.
///
/// # Errors
/// A message that names the accepted words.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("not a boolean: use true or false".to_owned()),
    }
}

/// Makes the last of several equal flags win, in a command and all its verbs.
#[must_use]
pub fn last_wins(command: Command) -> Command {
    command.args_override_self(true).mut_subcommands(last_wins)
}

/// Rewrites `--flag=true` to `--flag` and drops what `--flag=false` takes back.
///
/// # Errors
/// The flag, when its value is not a boolean.
pub fn normalise(
    command: &Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Vec<OsString>, String> {
    let mut scope = vec![command];
    let mut out: Vec<OsString> = Vec::new();
    let mut args = args.into_iter();
    out.extend(args.next());
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str() else {
            out.push(arg);
            continue;
        };
        if text == "--" {
            out.push(arg);
            out.extend(args);
            break;
        }
        let Some(long) = text.strip_prefix("--") else {
            let takes_value = match text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                Some(cluster) => short_takes_next(&scope, cluster),
                None => {
                    if let Some(verb) = scope
                        .last()
                        .and_then(|command| command.find_subcommand(text))
                    {
                        scope.push(verb);
                    }
                    false
                }
            };
            out.push(arg);
            if takes_value {
                out.extend(args.next());
            }
            continue;
        };
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        match (find_long(&scope, name), value) {
            (Some(flag), Some(value)) if is_switch(flag) => {
                let on = parse_bool(value).map_err(|error| format!("--{name}={value}: {error}"))?;
                out.retain(|earlier| !names(flag, earlier));
                if on {
                    out.push(format!("--{name}").into());
                }
            }
            (Some(flag), None) if takes_separate_value(flag) => {
                out.push(arg);
                out.extend(args.next());
            }
            _ => out.push(arg),
        }
    }
    Ok(out)
}

fn find_long<'a>(scope: &[&'a Command], name: &str) -> Option<&'a Arg> {
    scope.iter().rev().find_map(|command| {
        command.get_arguments().find(|arg| {
            arg.get_long() == Some(name)
                || arg
                    .get_all_aliases()
                    .is_some_and(|aliases| aliases.contains(&name))
        })
    })
}

/// Says whether the last short flag of a cluster takes the next argument as its value.
fn short_takes_next(scope: &[&Command], cluster: &str) -> bool {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let flag = scope.iter().rev().find_map(|command| {
            command
                .get_arguments()
                .find(|arg| arg.get_short() == Some(letter))
        });
        match flag {
            Some(flag) if takes_separate_value(flag) => return letters.as_str().is_empty(),
            _ => {}
        }
    }
    false
}

fn is_switch(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue)
}

fn takes_separate_value(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set() && !flag.is_positional()
}

/// Says whether an argument is this switch, by its long name or by its short name alone.
fn names(flag: &Arg, arg: &OsStr) -> bool {
    let long = flag.get_long().map(|long| format!("--{long}"));
    let short = flag.get_short().map(|short| format!("-{short}"));
    [long, short]
        .into_iter()
        .flatten()
        .any(|name| arg == OsStr::new(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        Command::new("p")
            .arg(switch("debug").global(true))
            .subcommand(
                Command::new("show")
                    .arg(switch("raw").short('r'))
                    .arg(Arg::new("format").long("format").short('f')),
            )
    }

    #[test]
    fn switches_take_values() {
        for (given, wanted) in [
            ("p --debug=true show", Ok("p --debug show")),
            ("p show --raw=false x", Ok("p show x")),
            ("p show --raw --raw=0 x", Ok("p show x")),
            ("p show -r --raw=F --raw=1 x", Ok("p show --raw x")),
            (
                "p show --format --raw=true",
                Ok("p show --format --raw=true"),
            ),
            ("p show -f --raw=true", Ok("p show -f --raw=true")),
            ("p show -- --raw=true", Ok("p show -- --raw=true")),
            ("p --raw=true show", Ok("p --raw=true show")),
            ("p show --raw=maybe", Err(())),
        ] {
            let args = given.split(' ').map(OsString::from);
            let got = normalise(&command(), args).map(|args| {
                let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
                args.join(" ")
            });
            assert_eq!(got.as_deref().map_err(|_| ()), wanted, "{given}");
        }
    }
}
