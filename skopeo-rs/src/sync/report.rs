//! What a sync tells: steps, lines, objects, the file of digests, and the sum at the end.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use image::ImageName;
use image::sync::Difference;
use oci::Digest;
use serde_json::{Value, json};
use term::{program, stdout};

use super::Args;
use crate::NAME;

/// What came of one image.
pub(super) enum Outcome {
    /// It was copied.
    Copied(Digest),
    /// It was there.
    Present(Digest),
    /// This would be done.
    Would(Difference),
}

/// Tells what happens, and counts.
pub(super) struct Reporter<'a> {
    args: &'a Args,
    digests: Option<(File, PathBuf)>,
    copied: usize,
    present: usize,
    removed: usize,
    failures: usize,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(args: &'a Args) -> anyhow::Result<Self> {
        let digests = match &args.digestfile {
            Some(path) if !args.dry_run => {
                let file = File::create(path)
                    .with_context(|| format!("creating digest file {}", path.display()))?;
                Some((file, path.clone()))
            }
            _ => None,
        };
        Ok(Self {
            args,
            digests,
            copied: 0,
            present: 0,
            removed: 0,
            failures: 0,
        })
    }

    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    /// Tells that an image was seen to; `report` is what the original prints of it.
    pub(super) fn done(
        &mut self,
        from: &ImageName,
        to: &ImageName,
        outcome: &Outcome,
        report: &str,
    ) -> anyhow::Result<()> {
        let (word, digest) = match outcome {
            Outcome::Copied(digest) => ("copied", Some(digest)),
            Outcome::Present(digest) => ("present", Some(digest)),
            Outcome::Would(Difference::New) => ("new", None),
            Outcome::Would(Difference::Changed) => ("changed", None),
            Outcome::Would(Difference::Same { digest, .. }) => ("same", Some(digest)),
        };
        match outcome {
            Outcome::Present(_) | Outcome::Would(Difference::Same { .. }) => self.present += 1,
            _ => self.copied += 1,
        }
        if let (Some((file, path)), Some(digest)) = (&mut self.digests, digest) {
            writeln!(file, "{digest} {to}")
                .with_context(|| format!("writing digest to file {}", path.display()))?;
        }
        if self.args.json {
            let digest = digest.map(Digest::to_string);
            return object(&json!({
                "from": from.to_string(), "to": to.to_string(), "outcome": word, "digest": digest,
            }));
        }
        if let Outcome::Would(_) = outcome {
            return Ok(stdout::write_all(
                format!("{word}\t{from}\t{to}\n").as_bytes(),
            )?);
        }
        if self.args.quiet {
            return Ok(());
        }
        stdout::write_all(report.as_bytes())?;
        program::say(&format!("{from} -> {to}: {word}\n"));
        Ok(())
    }

    /// Tells that an image failed, and that it goes on.
    pub(super) fn failed_image(
        &mut self,
        from: &ImageName,
        to: &ImageName,
        error: &anyhow::Error,
    ) -> anyhow::Result<()> {
        self.failed(error);
        if !self.args.json {
            return Ok(());
        }
        object(&json!({
            "from": from.to_string(), "to": to.to_string(), "outcome": "failed",
            "error": format!("{error:#}"),
        }))
    }

    /// Tells that something failed, and that it goes on.
    pub(super) fn failed(&mut self, error: &anyhow::Error) {
        self.failures += 1;
        program::say(&term::error::render(NAME, error));
    }

    /// Tells that an image was removed from the destination, or would be.
    pub(super) fn removed(&mut self, name: &ImageName) -> anyhow::Result<()> {
        self.removed += 1;
        let word = match self.args.dry_run {
            true => "remove",
            false => "removed",
        };
        if self.args.json {
            return object(&json!({"to": name.to_string(), "outcome": word}));
        }
        if self.args.dry_run {
            return Ok(stdout::write_all(format!("remove\t\t{name}\n").as_bytes())?);
        }
        if !self.args.quiet {
            program::say(&format!("{name}: removed\n"));
        }
        Ok(())
    }

    /// Tells the sum, and whether all went well.
    pub(super) fn finish(self, images: usize) -> anyhow::Result<()> {
        if let Some((file, path)) = &self.digests {
            file.sync_all()
                .with_context(|| format!("writing digest to file {}", path.display()))?;
        }
        if !self.args.quiet {
            let would = match self.args.dry_run {
                true => "would be ",
                false => "",
            };
            let mut sum = format!(
                "{images} images: {} {would}copied, {} were there",
                self.copied, self.present
            );
            if self.args.prune {
                sum += &format!(", {} {would}removed", self.removed);
            }
            if self.failures > 0 {
                sum += &format!(", {} failed", self.failures);
            }
            program::say(&format!("{sum}\n"));
        }
        if self.failures > 0 {
            bail!("Sync failed due to previous reported error(s) for one or more images");
        }
        Ok(())
    }
}

fn object(value: &Value) -> anyhow::Result<()> {
    Ok(stdout::write_all(format!("{value}\n").as_bytes())?)
}
