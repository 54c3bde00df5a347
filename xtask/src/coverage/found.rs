//! The test functions of the workspace, and what they spell.

use std::collections::BTreeMap;
use std::path::Path;

use super::cells::Cell;
use crate::depcheck::rust_files;

/// What each test consists of: its body, and what the tests of its file share. A name that
/// stands in several files has several.
pub(super) type Tests = BTreeMap<String, Vec<String>>;

/// Finds all test functions of the workspace that run.
pub(super) fn tests(root: &Path) -> anyhow::Result<Tests> {
    let mut tests = Tests::new();
    for folder in [
        "libs",
        "skopeo-rs",
        "storetool",
        "ocitool",
        "tests",
        "xtask",
    ] {
        for (_, text) in rust_files(&root.join(folder))? {
            for (name, text) in tests_of(&text) {
                tests.entry(name).or_default().push(text);
            }
        }
    }
    Ok(tests)
}

/// Says whether one of the texts spells the cell: one of its verbs, and the flag if it is one.
pub(super) fn spells(texts: &[String], cell: &Cell) -> bool {
    let verb =
        |text: &str| cell.verbs.is_empty() || cell.verbs.iter().any(|verb| has_word(text, verb));
    let flag = |text: &str| {
        cell.spellings.is_empty() || cell.spellings.iter().any(|flag| has_word(text, flag))
    };
    texts.iter().any(|text| verb(text) && flag(text))
}

/// Says whether the word stands in the text, and not as part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + word.len()..]);
        let begins = !before.ends_with(inside) || word.starts_with([' ', '"']);
        let dotted = behind
            .strip_prefix('.')
            .is_some_and(|behind| behind.starts_with(inside));
        begins && !behind.starts_with(inside) && !dotted
    })
}

/// The tests of a file, without its comments; one that is ignored is none.
fn tests_of(text: &str) -> Vec<(String, String)> {
    let mut shared = String::new();
    let mut bodies: Vec<(String, String)> = Vec::new();
    let mut lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        if !line.trim_start().starts_with("#[test]") {
            shared += line;
            shared.push('\n');
            continue;
        }
        let mut ignored = false;
        let mut name = None;
        for line in lines.by_ref() {
            ignored |= line.trim_start().starts_with("#[ignore");
            if let Some(rest) = line.trim_start().strip_prefix("fn ") {
                name = rest.split('(').next().map(|name| (name.to_owned(), line));
                break;
            }
        }
        let Some((name, head)) = name else {
            break;
        };
        let end = format!("{}}}", &head[..head.len() - head.trim_start().len()]);
        let mut body = format!("{head}\n");
        if !head.ends_with('}') {
            for line in lines.by_ref().take_while(|line| *line != end) {
                body += line;
                body.push('\n');
            }
        }
        if !ignored {
            bodies.push((name, body));
        }
    }
    let whole = |(name, body): (String, String)| (name, format!("{shared}{body}"));
    bodies.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn shared() {}
#[test]
fn one() {
    \"--dest-creds\"
}
// \"--dest\"
mod inner {
    #[test]
    #[ignore = \"slow\"]
    fn two() {
        \"two\"
    }
    #[test]
    fn three() {}
}
";

    #[test]
    fn tests_are_their_body_and_what_is_shared() {
        let tests = tests_of(TEXT);
        let names: Vec<&str> = tests.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["one", "three"]);
        assert!(tests[0].1.contains("--dest-creds") && tests[0].1.contains("shared"));
        assert!(!tests[1].1.contains("--dest-creds") && tests[1].1.contains("shared"));
        assert!(tests.iter().all(|(_, text)| !text.contains("\"two\"")));
    }

    #[test]
    fn a_flag_is_a_whole_word() {
        for (text, word, want) in [
            ("\"--dest-creds\"", "--dest", false),
            ("\"--dest-creds\"", "--dest-creds", true),
            ("\"--dest-creds=a:b\"", "--dest-creds", true),
            ("\"--registries.d\"", "--registries", false),
            ("see --creds.", "--creds", true),
            ("\"-a\"", "\"-a", true),
            ("\"-all\"", "\"-a", false),
            ("copy -a x", " -a", true),
            ("recopy", "copy", false),
            ("\"copy\"", "copy", true),
        ] {
            assert_eq!(has_word(text, word), want, "{word} in {text}");
        }
    }
}
