//! Tags as versions: their order, and constraints on them.
//!
//! The grammar of constraints, and what each means, is that of github.com/Masterminds/semver, which
//! the original uses.
//!
//! ```text
//! constraint = and *( "||" and )
//! and        = term *( [ "," ] term )      a blank is enough between terms
//! term       = [ op ] version | version " - " version
//! op         = "=" "!=" ">" "<" ">=" "=>" "<=" "=<" "~" "~>" "^"
//! version    = [ "v" ] part [ "." part [ "." part ] ] [ "-" pre ] [ "+" build ]
//! part       = digits / "x" / "X" / "*"
//! ```

use std::cmp::Ordering;

use semver::Prerelease;

/// Why a text is no constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("improper constraint: {0:?}")]
pub struct ConstraintError(String);

/// A version: of a tag, where parts may be missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    parts: [u64; 3],
    // An empty one is greater than any other, as it must be.
    pre: Prerelease,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (version, wild) = parse_parts(text)?;
        (wild == Wild::Exact || wild.only_missing(text)).then_some(version)
    }
}

/// Which parts of a version are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wild {
    Exact,
    Patch,
    Minor,
    All,
}

impl Wild {
    /// Tells whether parts are open because they are missing, not because they are wildcards.
    fn only_missing(self, text: &str) -> bool {
        let number = text.split(['-', '+']).next().unwrap_or_default();
        self != Self::All && !number.contains(['x', 'X', '*'])
    }
}

/// Parses `[v]A[.B[.C]][-PRE][+BUILD]` with digits or wildcards.
fn parse_parts(text: &str) -> Option<(Version, Wild)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    if build.is_some_and(|build| semver::BuildMetadata::new(build).is_err() || build.is_empty()) {
        return None;
    }
    let (number, pre) = match text.split_once('-') {
        Some((_, "")) => return None,
        Some((number, pre)) => (number, Prerelease::new(pre).ok()?),
        None => (text, Prerelease::EMPTY),
    };
    let mut parts = [0; 3];
    let mut wild = Wild::Exact;
    let mut given = number.split('.');
    for place in 0..3 {
        let open = [Wild::All, Wild::Minor, Wild::Patch][place];
        match given.next() {
            None if place == 0 => return None,
            None => {
                if wild == Wild::Exact {
                    wild = open;
                }
            }
            Some("x" | "X" | "*") => {
                if wild == Wild::Exact {
                    wild = open;
                }
            }
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() => {
                // Behind a wildcard nothing counts.
                if wild == Wild::Exact {
                    parts[place] = digits.parse().ok()?;
                }
            }
            Some(_) => return None,
        }
    }
    given
        .next()
        .is_none()
        .then_some((Version { parts, pre }, wild))
}

/// What one term demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

#[derive(Clone, Debug)]
struct Term {
    op: Op,
    version: Version,
    wild: Wild,
}

/// A constraint on versions.
#[derive(Clone, Debug)]
pub struct Constraint(Vec<Vec<Term>>);

impl Constraint {
    /// Parses a constraint.
    ///
    /// # Errors
    /// It does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let bad = || ConstraintError(text.chars().take(80).collect());
        text.split("||")
            .map(|and| terms(and).filter(|terms| !terms.is_empty()).ok_or_else(bad))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Tells whether a tag is a version that satisfies the constraint.
    pub fn matches(&self, tag: &str) -> bool {
        let Some(version) = Version::parse(tag) else {
            return false;
        };
        self.0.iter().any(|and| {
            // Who wants pre-releases names one.
            let named = and.iter().any(|term| !term.version.pre.is_empty());
            (version.pre.is_empty() || named) && and.iter().all(|term| term.matches(&version))
        })
    }
}

/// Parses the terms that must all hold.
fn terms(text: &str) -> Option<Vec<Term>> {
    let mut words = text
        .split([',', ' ', '\t'])
        .filter(|word| !word.is_empty())
        .peekable();
    let mut terms = Vec::new();
    while let Some(word) = words.next() {
        let (op, rest) = operator(word);
        let alone = rest.len() == word.len();
        // An operator may stand apart from its version.
        let rest = if rest.is_empty() { words.next()? } else { rest };
        let (version, wild) = parse_parts(rest)?;
        if words.peek() == Some(&"-") {
            words.next();
            let (last, last_wild) = parse_parts(words.next()?)?;
            if !alone {
                return None;
            }
            terms.push(Term {
                op: Op::AtLeast,
                version,
                wild,
            });
            terms.push(Term {
                op: Op::AtMost,
                version: last,
                wild: last_wild,
            });
        } else {
            terms.push(Term { op, version, wild });
        }
    }
    Some(terms)
}

fn operator(word: &str) -> (Op, &str) {
    const OPERATORS: [(&str, Op); 11] = [
        ("!=", Op::NotEqual),
        (">=", Op::AtLeast),
        ("=>", Op::AtLeast),
        ("<=", Op::AtMost),
        ("=<", Op::AtMost),
        ("~>", Op::Tilde),
        ("=", Op::Equal),
        (">", Op::Greater),
        ("<", Op::Less),
        ("~", Op::Tilde),
        ("^", Op::Caret),
    ];
    let found = OPERATORS
        .iter()
        .find_map(|(sign, op)| Some((*op, word.strip_prefix(sign)?)));
    found.unwrap_or((Op::Equal, word))
}

impl Term {
    fn matches(&self, version: &Version) -> bool {
        let [major, minor, _] = self.version.parts;
        let [v_major, v_minor, v_patch] = version.parts;
        let order = version.cmp(&self.version);
        match self.op {
            Op::Equal if self.wild == Wild::Exact => order == Ordering::Equal,
            Op::Equal | Op::Tilde => self.within_minor(version),
            Op::NotEqual => match self.wild {
                Wild::Exact | Wild::All => order != Ordering::Equal,
                Wild::Patch => (v_major, v_minor) != (major, minor),
                Wild::Minor => v_major != major,
            },
            Op::Greater => match self.wild {
                Wild::Exact | Wild::All => order == Ordering::Greater,
                Wild::Patch => (v_major, v_minor) > (major, minor),
                Wild::Minor => v_major > major,
            },
            Op::Less => order == Ordering::Less,
            Op::AtLeast => order != Ordering::Less,
            Op::AtMost => match self.wild {
                Wild::Exact => order != Ordering::Greater,
                Wild::Patch | Wild::All => (v_major, v_minor) <= (major, minor),
                Wild::Minor => v_major <= major,
            },
            Op::Caret if order == Ordering::Less => false,
            Op::Caret => match (major, minor, self.wild) {
                (1.., ..) | (_, _, Wild::Minor) => v_major == major,
                _ if v_major > major => false,
                (_, 1.., _) | (_, _, Wild::Patch) => v_minor == minor,
                _ => v_minor == 0 && v_patch == self.version.parts[2],
            },
        }
    }

    /// What `~` means, and a version with open parts alone.
    fn within_minor(&self, version: &Version) -> bool {
        let [major, minor, _] = self.version.parts;
        let [v_major, v_minor, _] = version.parts;
        if version < &self.version {
            return false;
        }
        match self.wild {
            Wild::All => true,
            // As in the original, `~0.0.0` is any version.
            Wild::Exact if self.version.parts == [0; 3] => true,
            Wild::Minor => v_major == major,
            Wild::Exact | Wild::Patch => (v_major, v_minor) == (major, minor),
        }
    }
}

/// Tells whether a tag looks like a version: a digit, perhaps behind a `v`.
pub(super) fn is_version(tag: &str) -> bool {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    tag.starts_with(|c: char| c.is_ascii_digit())
}

/// Compares two tags as versions, else by their numbers and what is between them.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if let (Some(a), Some(b)) = (Version::parse(a), Version::parse(b)) {
        return a.cmp(&b);
    }
    let (mut a, mut b) = (chunks(a), chunks(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let number = |chunk: &str| chunk.parse::<u64>().ok();
                let order = match (number(a), number(b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    _ => a.cmp(b),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// Runs of digits, and of anything else.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    std::iter::from_fn(move || {
        let digit = rest.chars().next()?.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digit)
            .unwrap_or(rest.len());
        let (chunk, after) = rest.split_at(end);
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the original's own tests, where it says something here.
    #[test]
    fn constraints_mean_what_they_mean_in_the_original() {
        for (constraint, tag, want) in [
            ("*", "1.2.3", true),
            ("*", "1.2.3-beta1", false),
            ("", "1.2.3", false),
            ("=2.0.0", "1.2.3", false),
            ("=2.0.0", "2.0.0", true),
            ("=2.0", "1.2.3", false),
            ("=2.0", "2.0.0", true),
            ("=2.0", "2.0.1", true),
            ("4.1", "4.1.0", true),
            ("2", "2.9.9", true),
            ("!=4.1.0", "4.1.0", false),
            ("!=4.1.0", "4.1.1", true),
            ("!=4.1", "4.1.0", false),
            ("!=4.1", "5.1.0", true),
            ("!=4.x", "4.1.0", false),
            ("!=4.x", "5.1.0", true),
            ("!=4.2.x", "4.2.3", false),
            ("!=4.2.x", "4.3.0", true),
            (">1.1", "4.1.0", true),
            (">1.1", "1.1.0", false),
            (">1.1", "1.1.1", false),
            (">1.1", "1.2.0", true),
            (">0", "0.0.0", false),
            (">0", "1.0.0", true),
            (">0", "0.0.1-alpha", false),
            (">11", "11.1.0", false),
            (">11.1", "11.1.1", false),
            (">11.1", "11.2.1", true),
            ("<0", "0.0.0", false),
            ("<1.1", "0.1.0", true),
            ("<1.1", "1.1.0", false),
            ("<1.1", "1.1.1", false),
            ("<=11", "1.2.3", true),
            ("<=11", "12.2.3", false),
            ("<=11", "11.2.3", true),
            ("<=1.1", "1.2.3", false),
            ("<=1.1", "0.1.0", true),
            ("<=1.1", "1.1.0", true),
            ("<=1.1", "1.1.1", true),
            (">=11", "11.1.2", true),
            (">=11.1", "11.1.2", true),
            (">=11.1", "11.0.2", false),
            (">=1.1", "4.1.0", true),
            (">=1.1", "0.0.9", false),
            ("=>1.1", "1.1.0", true),
            ("=<1.1", "1.1.0", true),
            (">0-0", "0.0.1-alpha", false),
            (">=0-0", "0.0.1-alpha", true),
            (">=1.0.0, <=2.0.0-beta", "1.0.1-beta", true),
            ("^*", "1.2.3", false),
            ("<=*", "0.0.3", true),
            ("!=*", "1.0.0", true),
            ("~1.1.0", "1.1.9", true),
            ("~1.1.0", "1.2.0", false),
            ("~>1.1", "1.1.5", true),
            ("~>1.1", "1.3.5", false),
            ("~1", "1.3.5", true),
            ("~1", "2.0.0", false),
            ("~1.1", "1.1.1-alpha", false),
            ("~0.0.0", "1.0.0", true),
            ("~*", "2.1.1", true),
            ("~1.x", "2.1.1", false),
            ("^1", "1.2.3", true),
            ("^1.1", "1.1.1", true),
            ("^1.1", "4.3.0", false),
            ("^1.x", "1.9.0", true),
            ("^1.2.0", "1.2.3-alpha.1", false),
            ("^1.2.0-alpha.0", "1.2.1-alpha.1", true),
            ("^1.2.0-alpha.2", "1.2.0-alpha.1", false),
            ("^0.2.3", "0.2.5", true),
            ("^0.2.3", "0.5.6", false),
            ("^0.2", "0.2.5", true),
            ("^0.0.3", "0.0.3", true),
            ("^0.0.3", "0.0.4", false),
            ("^0.0", "0.0.3", true),
            ("^0.0", "0.1.4", false),
            ("^0", "0.2.3", true),
            ("^0", "1.1.4", false),
            (">1.1, <2", "1.1.1", false),
            (">1.1, <2", "1.2.1", true),
            (">1.1, <3", "4.3.2", false),
            (">=1.1, <2, !=1.2.3", "1.2.3", false),
            (">= 1.1 , < 2 || > 3", "1.1.1", true),
            (">1.1, <2 || > 3", "3.1.2", false),
            (">1.1, <2 || > 3", "4.1.2", true),
            ("1.1 - 2", "1.1.1", true),
            ("1.1 - 3", "4.3.2", false),
            ("1.1.7 - 1.3.0", "1.1.6", false),
            ("1.1.7 - 1.3.0", "1.2.6", true),
            (">= 3.12.0", "v3.12.1", true),
            (">= 3.12.0", "3.13", true),
            (">= 3.12.0", "latest", false),
            (">= 3.12.0", "3.12.0.1", false),
            ("2.x", "2.4", true),
            ("2.x", "3", false),
        ] {
            let parsed = Constraint::parse(constraint);
            let got = parsed.as_ref().is_ok_and(|parsed| parsed.matches(tag));
            assert_eq!(got, want, "{constraint:?} {tag}");
        }
        for bad in ["", ">", ">> 1", "1.2.3.4", "a", "1 -", "> 1 - 2", "1 ||"] {
            assert!(Constraint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_are_ordered_as_people_read_them() {
        let mut tags = [
            "v1.10",
            "1.9",
            "1.10.0-rc1",
            "2024-01-02",
            "1.9.9-alpine",
            "20",
        ];
        tags.sort_by(|a, b| compare(a, b));
        assert_eq!(
            tags,
            [
                "1.9",
                "1.9.9-alpine",
                "1.10.0-rc1",
                "v1.10",
                "20",
                "2024-01-02"
            ]
        );
        assert!(is_version("v1") && is_version("2024") && !is_version("latest"));
        let order = compare("1.2.3.9", "1.2.3.10");
        assert_eq!(order, Ordering::Less);
    }
}
