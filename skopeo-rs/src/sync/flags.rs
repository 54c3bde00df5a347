//! The grammar of sync.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use image::sync::{Age, TagFilter};
use term::ProgressArgs;
use term::progress::Shown;

use super::JOBS;
use crate::access::{DestinationAccess, SourceAccess};
use crate::copy_flags::CopyFlags;
use crate::retry::Retry;

const AFTER_HELP: &str = "\
SOURCE AND DESTINATION:
  --src docker  HOST/REPOSITORY, all its tags, or with a tag or digest
  --src dir     a directory; every directory below it with a manifest.json is an image
  --src yaml    a file that names registries, repositories and tags
  --dest docker HOST[/PATH]; an image NAME:TAG becomes HOST/PATH/NAME:TAG
  --dest dir    a directory; an image NAME:TAG becomes DIR/NAME:TAG

Without --scoped the name is the last component of the source's, with it all of it. A second sync brings the destination up to date: what it has is not copied again, and of a registry that is asked with HEAD, which counts against no pull limit.

YAML FILE:
  registry.example:
      images:
          app: [\"1.0\", \"sha256:...\"]      # these; an empty list means all tags
          other: []
      images-by-tag-regex:
          nginx: ^1\\.13\\.[12]-alpine$
      images-by-semver:
          alpine: \">= 3.12.0, < 4\"
      credentials:
          username: me
          password: secret
      tls-verify: true
      cert-dir: /home/me/certs

OUTPUT:
The steps of each copy go to standard output, as the original prints them; a line for each image and a sum at the end to standard error. With --dry-run standard output has lines of three fields, parted by tabs: new, changed, same or remove; the source; the destination. With --json it has one object a line: from, to, outcome (copied, present, failed, removed; new, changed, same or remove with --dry-run), digest, error.

EXAMPLES:
  skopeo-rs sync --src docker --dest dir registry.example/app /media/usb
  skopeo-rs sync --src dir --dest docker /media/usb mirror.example/base
  skopeo-rs sync --src yaml --dest docker --scoped images.yaml mirror.example
  skopeo-rs sync --src docker --dest docker --all --prune registry.example/app mirror.example
  skopeo-rs sync --src docker --dest docker --newest 5 --exclude '*-rc*' registry.example/app mirror.example
  skopeo-rs sync --dry-run --src docker --dest docker registry.example/app mirror.example

EXIT STATUS:
0 when the destination has all images, 1 when one failed: with --keep-going the others are copied nevertheless.

SEE ALSO:
skopeo-rs(1), skopeo-rs-copy(1), skopeo-rs-list-tags(1)";

/// Bring many images from one place to another
///
/// The images of a repository, of a tree of directories, or of repositories that a file names are
/// copied to a registry or below a directory: several at once, and only what is not there yet.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where from: a repository, a directory or a YAML file (see --src)
    pub(super) source: String,
    /// Where to: a registry with a path, or a directory (see --dest)
    pub(super) destination: String,

    /// What SOURCE is
    #[arg(short, long, value_enum, value_name = "TRANSPORT")]
    pub(super) src: Transport,
    /// What DESTINATION is
    #[arg(short, long, value_enum, value_name = "TRANSPORT")]
    pub(super) dest: TargetTransport,
    /// Keep the whole name of the source, its host included
    #[arg(long)]
    pub(super) scoped: bool,
    /// Put this text behind the tags at the destination
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(super) append_suffix: String,
    /// Call a repository otherwise at the destination (can be repeated)
    #[arg(long, value_name = "SOURCE=NAME", value_parser = rename)]
    pub(super) rename: Vec<(String, String)>,
    /// Write a line `DIGEST NAME` for each image to this file
    #[arg(long, value_name = "FILE")]
    pub(super) digestfile: Option<PathBuf>,
    /// Copy every instance of lists, and the lists
    #[arg(short, long)]
    pub(super) all: bool,
    /// Remove tags from the destination that the source no longer has
    ///
    /// In the repositories that are synced, whole or in part; tags that a filter leaves out stay. Of
    /// a registry the tag alone is removed, and nothing is after a failure.
    #[arg(long)]
    pub(super) prune: bool,
    /// Copy nothing, and print what would be copied and removed
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go on with the other images when one fails
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Work on so many images, and copy so many layers, at once
    #[arg(long, value_name = "N", default_value_t = JOBS)]
    pub(super) jobs: NonZeroUsize,
    /// Print one JSON object for each image
    #[arg(long)]
    pub(super) json: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    progress: ProgressArgs,

    #[command(flatten)]
    pub(super) filter: Filter,
    #[command(flatten)]
    pub(super) shared: CopyFlags,
    #[command(flatten)]
    pub(super) retry: Retry,

    /// Read credentials of both sides from this file alone
    #[arg(id = "authfile", long = "authfile", value_name = "FILE")]
    pub(super) authfile: Option<PathBuf>,
    #[command(flatten)]
    pub(super) source_access: SourceAccess,
    #[command(flatten)]
    pub(super) destination_access: DestinationAccess,
}

impl Args {
    pub(super) fn shown(&self) -> Shown {
        self.progress.progress.shown(self.quiet)
    }
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    /// A registry
    Docker,
    /// A tree of directories
    Dir,
    /// A file that names registries
    Yaml,
}

/// What a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TargetTransport {
    /// A registry
    Docker,
    /// A directory
    Dir,
}

/// Which tags of whole repositories are wanted; those that are named are wanted anyway.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tags of whole repositories")]
pub(super) struct Filter {
    /// Only tags that this shell pattern matches (can be repeated: one of them)
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// No tags that this shell pattern matches (can be repeated)
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Only tags in which this regular expression is found
    #[arg(long, value_name = "REGEX")]
    tag_regex: Option<String>,
    /// Only tags that are versions within this constraint (e.g. '>= 3.12, < 4')
    #[arg(long, value_name = "CONSTRAINT")]
    semver: Option<String>,
    /// Only so many of the newest tags
    #[arg(long, value_name = "N")]
    newest: Option<usize>,
    /// What newest means: the highest versions (tags that are none are left out), or the images that
    /// were made last, which have to be read
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value = "version",
        requires = "newest"
    )]
    newest_by: By,
}

/// What newest means.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The highest versions
    Version,
    /// Made last
    Created,
}

impl Filter {
    pub(super) fn build(&self) -> anyhow::Result<TagFilter> {
        let mut filter = TagFilter::default();
        filter.newest = self.newest;
        filter.age = match self.newest_by {
            By::Version => Age::Version,
            By::Created => Age::Created,
        };
        filter.include(&self.include).context("--include")?;
        filter.exclude(&self.exclude).context("--exclude")?;
        if let Some(regex) = &self.tag_regex {
            filter.regex(regex).context("--tag-regex")?;
        }
        if let Some(constraint) = &self.semver {
            filter.semver(constraint).context("--semver")?;
        }
        Ok(filter)
    }
}

fn rename(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => {
            Ok((from.to_owned(), to.to_owned()))
        }
        _ => Err("not of the form SOURCE=NAME".to_owned()),
    }
}
