//! Which tags of a repository are wanted.

use glob::Pattern;
use regex::Regex;

use super::versions::{self, Constraint, ConstraintError};

/// Why a filter is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A shell pattern.
    #[error("pattern {text:?}")]
    Pattern {
        /// The pattern.
        text: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A regular expression.
    #[error("regular expression {text:?}")]
    Regex {
        /// The expression.
        text: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A constraint on versions.
    #[error(transparent)]
    Semver(#[from] ConstraintError),
}

/// By what tags are newer than others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// By the version that they are; tags that are none are left out.
    #[default]
    Version,
    /// By when their images were made, which has to be read.
    Created,
}

/// Tags that are wanted: all that pass each filter, and of these the newest.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    regexes: Vec<Regex>,
    semvers: Vec<Constraint>,
    /// So many of the newest.
    pub newest: Option<usize>,
    /// What newest means.
    pub age: Age,
}

impl TagFilter {
    /// Keeps what one of the shell patterns matches, or all when there are none.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn include(&mut self, patterns: &[String]) -> Result<(), FilterError> {
        self.include = parse(patterns)?;
        Ok(())
    }

    /// Leaves out what one of the shell patterns matches.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn exclude(&mut self, patterns: &[String]) -> Result<(), FilterError> {
        self.exclude = parse(patterns)?;
        Ok(())
    }

    /// Keeps what the expression, too, matches anywhere.
    ///
    /// # Errors
    /// An expression that is none.
    pub fn regex(&mut self, text: &str) -> Result<(), FilterError> {
        let regex = Regex::new(text).map_err(|source| FilterError::Regex {
            text: text.to_owned(),
            source: Box::new(source),
        })?;
        self.regexes.push(regex);
        Ok(())
    }

    /// Keeps versions that satisfy the constraint, too.
    ///
    /// # Errors
    /// A constraint that is none.
    pub fn semver(&mut self, text: &str) -> Result<(), FilterError> {
        self.semvers.push(Constraint::parse(text)?);
        Ok(())
    }

    /// Tells whether a tag passes, whatever its age.
    pub fn passes(&self, tag: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|it| it.matches(tag)))
            && !self.exclude.iter().any(|it| it.matches(tag))
            && self.regexes.iter().all(|it| it.is_match(tag))
            && self.semvers.iter().all(|it| it.matches(tag))
    }

    /// Chooses the tags that are wanted, in the order in which they come. `created` says when the
    /// images of some tags were made, in a form that sorts; it is asked only where that counts.
    ///
    /// # Errors
    /// What `created` fails with.
    pub fn choose<E>(
        &self,
        mut tags: Vec<String>,
        created: impl FnOnce(&[String]) -> Result<Vec<Option<String>>, E>,
    ) -> Result<Vec<String>, E> {
        tags.retain(|tag| self.passes(tag));
        let Some(newest) = self.newest else {
            return Ok(tags);
        };
        let mut places: Vec<usize> = match self.age {
            Age::Version => (0..tags.len())
                .filter(|place| versions::is_version(&tags[*place]))
                .collect(),
            Age::Created => (0..tags.len()).collect(),
        };
        match self.age {
            Age::Version => places.sort_by(|a, b| versions::compare(&tags[*b], &tags[*a])),
            Age::Created if places.len() > newest => {
                let times = created(&tags)?;
                places.sort_by(|a, b| times[*b].cmp(&times[*a]));
            }
            Age::Created => {}
        }
        places.truncate(newest);
        let mut place = 0..;
        tags.retain(|_| place.next().is_some_and(|place| places.contains(&place)));
        Ok(tags)
    }
}

fn parse(patterns: &[String]) -> Result<Vec<Pattern>, FilterError> {
    let parse = |text: &String| {
        Pattern::new(text).map_err(|source| FilterError::Pattern {
            text: text.clone(),
            source,
        })
    };
    patterns.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(all: &[&str]) -> Vec<String> {
        all.iter().map(|tag| (*tag).to_owned()).collect()
    }

    fn chosen(filter: &TagFilter, all: &[&str]) -> Vec<String> {
        let never = |_: &[String]| -> Result<Vec<Option<String>>, ()> { Err(()) };
        filter.choose(tags(all), never).unwrap()
    }

    #[test]
    fn filters_add_up() {
        const ALL: [&str; 6] = ["latest", "1.0", "1.10", "1.9", "1.9-alpine", "2.0"];
        let mut filter = TagFilter::default();
        assert_eq!(chosen(&filter, &ALL), ALL);
        filter.include(&tags(&["1.*", "l*"])).unwrap();
        filter.exclude(&tags(&["*-alpine"])).unwrap();
        assert_eq!(chosen(&filter, &ALL), ["latest", "1.0", "1.10", "1.9"]);
        filter.newest = Some(2);
        assert_eq!(chosen(&filter, &ALL), ["1.10", "1.9"]);
        filter.regex("0$").unwrap();
        assert_eq!(chosen(&filter, &ALL), ["1.0", "1.10"]);
        filter.semver("< 1.5").unwrap();
        assert_eq!(chosen(&filter, &ALL), ["1.0"]);
        assert!(filter.regex("(").is_err() && filter.semver(">").is_err());
        assert!(filter.include(&tags(&["a**b"])).is_err());
    }

    #[test]
    fn the_newest_may_be_the_youngest() {
        let filter = TagFilter {
            newest: Some(2),
            age: Age::Created,
            ..TagFilter::default()
        };
        let times = |asked: &[String]| -> Result<Vec<Option<String>>, ()> {
            assert_eq!(asked, ["a", "b", "c", "d"]);
            let times = [Some("2020"), None, Some("2022"), Some("2021")];
            Ok(times.iter().map(|time| time.map(str::to_owned)).collect())
        };
        let got = filter.choose(tags(&["a", "b", "c", "d"]), times).unwrap();
        assert_eq!(got, ["c", "d"]);
    }
}
