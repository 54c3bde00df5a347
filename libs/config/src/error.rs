//! What can be wrong with configuration.

use std::io;
use std::path::PathBuf;

/// Why configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or directory could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("writing {}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is longer than configuration is.
    #[error("{}: longer than {limit} bytes", path.display())]
    TooLong {
        /// Which one.
        path: PathBuf,
        /// How many bytes it may have.
        limit: u64,
    },
    /// What lies at the path is no regular file.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// Which one.
        path: PathBuf,
    },
    /// A file is not UTF-8.
    #[error("{}: not UTF-8 at byte {at}", path.display())]
    NotUtf8 {
        /// Which one.
        path: PathBuf,
        /// Where it stops being so.
        at: usize,
    },
    /// A JSON file is not acceptable.
    #[error("parsing {}", path.display())]
    Json {
        /// Which one.
        path: PathBuf,
        /// What is wrong, and where.
        source: oci::JsonError,
    },
    /// A TOML file is not acceptable.
    #[error("parsing {}", path.display())]
    Toml {
        /// Which one.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A YAML file is not acceptable.
    #[error("parsing {}", path.display())]
    Yaml {
        /// Which one.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<serde_yaml_ng::Error>,
    },
    /// A file says something that makes no sense.
    #[error("{}: {place}: {problem}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Which part of it.
        place: String,
        /// What is wrong there.
        problem: &'static str,
    },
    /// Two files configure the same thing.
    #[error("{place} is configured both in {} and in {}", first.display(), second.display())]
    Twice {
        /// What they configure.
        place: String,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// A registry's configuration makes a name that is none.
    #[error("location {location:?} for {name}")]
    Location {
        /// Where registries.conf sends the name.
        location: String,
        /// The name.
        name: String,
        /// What is wrong with the result.
        source: oci::ReferenceError,
    },
    /// There is no policy.json.
    #[error("no policy.json: none of {} exists", searched.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoPolicy {
        /// Where it could be.
        searched: Vec<PathBuf>,
    },
    /// The name of a credential helper could lead to another program.
    #[error(
        "credential helper {name:?} has a name with other characters than letters, digits, '_' and '-'"
    )]
    HelperName {
        /// The name.
        name: String,
    },
    /// A credential helper is not installed, or did not start or end.
    #[error("running {program}")]
    HelperRun {
        /// Its program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// A credential helper failed.
    #[error("{program} failed for {server}: {message:?}")]
    HelperFailed {
        /// Its program.
        program: String,
        /// What it was asked for.
        server: String,
        /// What it says.
        message: String,
    },
    /// A credential helper gave an answer that is none.
    #[error("{program} gave an answer for {server} that is not understood: {problem}")]
    HelperAnswer {
        /// Its program.
        program: String,
        /// What it was asked for.
        server: String,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// A credential helper took too long.
    #[error("{program} gave no answer for {seconds} s")]
    HelperTimeout {
        /// Its program.
        program: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A credential cannot be stored where it was asked for.
    #[error("credentials for {key}: {problem}")]
    Key {
        /// The registry, namespace or repository.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}
