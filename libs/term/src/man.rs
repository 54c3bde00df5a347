//! Manual pages made from the grammar, one for a program and one for each verb.
//!
//! NAME, SYNOPSIS, DESCRIPTION and OPTIONS come from the help text. The rest is written by hand in
//! `after_long_help`: a line in capitals that ends in a colon begins a section, indented lines are
//! shown as they are.
//!
//! ```text
//! EXAMPLES:
//!   storetool pull docker://registry.example/app:1
//!
//! EXIT STATUS:
//! 0 when all went well.
//! ```

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Every page of a program: file name (`storetool-pull.1`), text.
///
/// # Errors
/// None in practice: the pages are written to memory.
pub fn pages(command: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.clone();
    command.build();
    let program = command.get_name().to_owned();
    let mut pages = Vec::new();
    let mut todo = vec![(program.clone(), command)];
    while let Some((name, command)) = todo.pop() {
        let verbs = command.get_subcommands();
        for verb in verbs.filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
            todo.push((format!("{name}-{}", verb.get_name()), verb.clone()));
        }
        let text = page(&program, &name, command)?;
        pages.push((format!("{name}.1"), text));
    }
    pages.sort();
    Ok(pages)
}

fn page(program: &str, name: &str, command: Command) -> io::Result<Vec<u8>> {
    let after = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let verbs: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
        .map(|verb| {
            let about = verb
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            (format!("{name}-{}", verb.get_name()), about)
        })
        .collect();
    let man = Man::new(command);
    let mut out = Vec::new();
    // Empty fields must be quoted, or the later ones move up.
    writeln!(
        out,
        ".TH {} 1 \"\" \"{program} {}\" \"User Commands\"",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )?;
    name_section(name, &about, &mut out)?;
    synopsis(&usage, &mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if !verbs.is_empty() {
        let mut roff = Roff::new();
        roff.control("SH", ["COMMANDS"]);
        for (page, about) in verbs {
            roff.control("TP", []);
            roff.text([bold(page), roman("(1)")]);
            roff.text([roman(about)]);
        }
        roff.to_writer(&mut out)?;
    }
    sections(&after, &mut out)?;
    Ok(out)
}

/// NAME, from which `apropos` learns the page.
fn name_section(name: &str, about: &str, out: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {about}"))]);
    roff.to_writer(out)
}

/// SYNOPSIS as clap prints the usage.
fn synopsis(usage: &str, out: &mut impl Write) -> io::Result<()> {
    let usage = usage.strip_prefix("Usage:").unwrap_or(usage);
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.control("nf", []);
    for line in usage.lines().map(str::trim).filter(|line| !line.is_empty()) {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(out)
}

/// The sections written by hand.
fn sections(text: &str, out: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    let mut example = false;
    for line in text.lines() {
        if let Some(title) = heading(line) {
            if example {
                roff.control("fi", []);
                example = false;
            }
            roff.control("SH", [title]);
            continue;
        }
        let indented = line.starts_with("  ");
        if indented != example && !line.is_empty() {
            roff.control(if indented { "nf" } else { "fi" }, []);
            example = indented;
        }
        match line.is_empty() {
            true => roff.control("PP", []),
            false => roff.text([roman(line.trim_end())]),
        };
    }
    if example {
        roff.control("fi", []);
    }
    roff.to_writer(out)
}

/// The title of a section when the line is one.
fn heading(line: &str) -> Option<&str> {
    let title = line.strip_suffix(':')?;
    let capitals = title.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
    (capitals && !title.is_empty() && !title.starts_with(' ')).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_written_sections() {
        let verb = Command::new("pull")
            .about("Fetch an image")
            .after_long_help("EXAMPLES:\n  tool pull x\n\nEXIT STATUS:\n0 when all went well.");
        let pages = pages(&Command::new("tool").about("Hold images").subcommand(verb)).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["tool-pull.1", "tool.1"]);
        let pull = String::from_utf8(pages[0].1.clone()).unwrap();
        for wanted in [
            ".TH TOOL-PULL 1 \"\" \"tool ",
            "tool\\-pull \\- Fetch an image",
            ".SH EXAMPLES\n.nf\n  tool pull x",
            ".fi\n.SH \"EXIT STATUS\"\n0 when all went well.",
        ] {
            assert!(pull.contains(wanted), "{wanted} not in\n{pull}");
        }
        let tool = String::from_utf8(pages[1].1.clone()).unwrap();
        assert!(tool.contains("Fetch an image"), "{tool}");
    }
}
