//! `skopeo-rs sync`: many images from one place to another.

mod flags;
mod report;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use config::sync_file::SyncFile;
use image::copy::Limit;
use image::sync::{self, Difference, Listing, SyncSource, Target, TargetKind};
use image::{
    CopyOptions, EndpointOptions, ImageName, Instances, SinkOptions, open_sink, open_source,
    parallel,
};
use oci::Reference;
use signing::Policy;
use term::Explain as _;
use term::sync::{ImageProgress, SyncProgress};

pub(crate) use self::flags::Args;
use self::flags::{TargetTransport, Transport};
use self::report::{Outcome, Reporter};
use crate::session::Session;

/// One image on its way.
struct Job {
    from: ImageName,
    to: ImageName,
    endpoint: EndpointOptions,
    number: usize,
}

/// What all jobs share.
struct Work<'a> {
    args: &'a Args,
    session: &'a Session,
    policy: &'a Policy,
    options: CopyOptions,
    to: EndpointOptions,
    progress: SyncProgress,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let policy = session.policy().context("Error loading trust policy")?;
    let source = source(args)?;
    let target = args.target();
    let filter = args.filter.build()?;
    let authfile = args.authfile.as_ref();
    let tls_verify = session.global.tls_verify;
    let from = args.source_access.clone().options(authfile, tls_verify)?;
    let to = args
        .destination_access
        .clone()
        .options(authfile, tls_verify)?;
    let mut options = CopyOptions::new(session.now);
    options.instances = match args.all {
        true => Instances::All,
        false => Instances::System,
    };
    options.skip_present = true;
    options.limit = Some(Arc::new(Limit::new(args.jobs)));
    args.shared.apply(&mut options, session)?;

    let listing = args.retry.run(session, || {
        sync::list(&session.context, &source, &from, &filter, args.prune)
            .with_context(|| format!("listing the images of {}", args.source))
    })?;
    let jobs = jobs(args, &target, &listing)?;
    for job in &jobs {
        session.require_signed(&policy, &job.from)?;
    }
    let mut reporter = Reporter::new(args)?;
    for name in &listing.empty {
        session.warn(&format!("no images to sync found in {name}"));
    }
    let Listing {
        repositories,
        failures,
        ..
    } = listing;
    if jobs.is_empty() && failures.is_empty() && args.src != Transport::Yaml {
        bail!("No images to sync found in {:?}", args.source);
    }
    for (name, error) in failures {
        let error = anyhow::Error::new(error).context(format!("listing the images of {name}"));
        reporter.failed(&error);
    }
    let work = Work {
        args,
        session,
        policy: &policy,
        options,
        progress: SyncProgress::new(args.shown(), jobs.len(), &session.interrupt),
        to,
    };
    let broken_off = work.run(&jobs, &mut reporter);
    work.progress.finish();
    if let Some(error) = broken_off {
        return Err(error);
    }
    if args.prune {
        work.prune(&repositories, &target, &mut reporter)?;
    }
    reporter.finish(jobs.len())
}

fn source(args: &Args) -> anyhow::Result<SyncSource> {
    Ok(match args.src {
        Transport::Docker => {
            let text = args
                .source
                .strip_prefix("docker://")
                .unwrap_or(&args.source);
            let reference = Reference::parse(text).with_context(|| {
                format!(
                    "Cannot obtain a valid image reference for transport \"docker\" and reference {:?}",
                    args.source
                )
            })?;
            SyncSource::Docker(reference)
        }
        Transport::Dir => {
            if args.dest == TargetTransport::Dir {
                return Err(anyhow::anyhow!(
                    "sync from 'dir' to 'dir' not implemented, consider using rsync instead"
                ))
                .hint(|| "`rsync -a SOURCE/ DESTINATION/` copies a tree of images");
            }
            std::fs::metadata(&args.source).context("Invalid source directory specified")?;
            SyncSource::Dir(args.source.clone().into())
        }
        Transport::Yaml => SyncSource::Yaml(
            SyncFile::read(Path::new(&args.source))
                .with_context(|| format!("reading what to sync from {}", args.source))?,
        ),
    })
}

impl Args {
    fn target(&self) -> Target {
        let base = &self.destination;
        Target {
            kind: match self.dest {
                TargetTransport::Docker => TargetKind::Docker,
                TargetTransport::Dir => TargetKind::Dir,
            },
            base: match self.dest {
                TargetTransport::Docker => {
                    base.strip_prefix("docker://").unwrap_or(base).to_owned()
                }
                TargetTransport::Dir => base.clone(),
            },
            scoped: self.scoped,
            append: self.append_suffix.clone(),
            renames: self.rename.clone(),
        }
    }

    /// So many connections to one registry are of use: a layer that is copied within it takes two.
    pub(crate) fn connections(&self) -> usize {
        (2 * self.jobs.get() + 2).max(8)
    }
}

/// Gives every image its name at the destination. Two that would have the same one are a mistake: the
/// last would win.
fn jobs(args: &Args, target: &Target, listing: &Listing) -> anyhow::Result<Vec<Job>> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut names: BTreeMap<String, ImageName> = BTreeMap::new();
    for repository in &listing.repositories {
        for from in &repository.images {
            let to = target
                .name(from, repository)
                .with_context(|| format!("naming {from} at the destination"))
                .hint(|| "--rename SOURCE=NAME gives a repository another name")?;
            match names.get(&to.to_string()) {
                Some(first) if first == from => continue,
                Some(first) => {
                    return Err(anyhow::anyhow!("{first} and {from} would both become {to}")).hint(
                        || match args.scoped {
                            true => "sync them one after the other, or use --rename",
                            false => "--scoped keeps the whole name, --rename gives another",
                        },
                    );
                }
                None => names.insert(to.to_string(), from.clone()),
            };
            let mut endpoint = repository.endpoint.clone();
            if let ImageName::Docker(docker) = &to {
                endpoint.not_from = Some(docker.reference.repository().clone());
            }
            jobs.push(Job {
                from: from.clone(),
                to,
                endpoint,
                number: jobs.len(),
            });
        }
    }
    Ok(jobs)
}

/// What came of one job, and the lines that the original prints meanwhile.
struct Done {
    outcome: anyhow::Result<Outcome>,
    report: String,
}

impl Work<'_> {
    /// Sees to all images; returns the failure that ended it all.
    fn run(&self, jobs: &[Job], reporter: &mut Reporter<'_>) -> Option<anyhow::Error> {
        let mut broken_off = None;
        parallel::in_order(
            jobs,
            self.args.jobs,
            |job| self.one(job),
            |job, done| {
                self.progress.image_done(jobs.len());
                let flow = self.progress.suspended(|| self.report(job, done, reporter));
                match flow {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        broken_off = Some(error);
                        self.progress.stop();
                        ControlFlow::Break(())
                    }
                }
            },
        );
        broken_off
    }

    fn report(&self, job: &Job, done: Done, reporter: &mut Reporter<'_>) -> anyhow::Result<()> {
        match done.outcome {
            Ok(outcome) => reporter.done(&job.from, &job.to, &outcome, &done.report),
            Err(error) => {
                let error = error.context(format!("Error copying ref {:?}", job.from.to_string()));
                let goes_on = self.args.keep_going && !self.session.interrupt.is_set();
                if !goes_on {
                    return Err(error);
                }
                reporter.failed_image(&job.from, &job.to, &error)
            }
        }
    }

    fn one(&self, job: &Job) -> Done {
        let (from, to) = (job.from.to_string(), job.to.to_string());
        let mut report = String::new();
        let outcome = self.args.retry.run(self.session, || {
            let progress = self.progress.image(job.number, &from, &to);
            let outcome = match self.args.dry_run {
                true => self.compare(job).map(Outcome::Would),
                false => self.copy(job, &progress),
            };
            report = progress.into_report();
            outcome
        });
        Done { outcome, report }
    }

    fn compare(&self, job: &Job) -> anyhow::Result<Difference> {
        Ok(sync::compare(
            &self.session.context,
            (&job.from, &job.endpoint),
            (&job.to, &self.to),
            &self.options,
        )?)
    }

    fn copy(&self, job: &Job, progress: &ImageProgress<'_>) -> anyhow::Result<Outcome> {
        let context = &self.session.context;
        let difference = self.compare(job)?;
        if let Difference::Same { digest, .. } = difference
            && sync::may_skip(self.policy, &job.from, difference, &self.options)
        {
            use image::Progress as _;
            progress.note(image::Note::GettingSignatures);
            progress.note(image::Note::AlreadyPresent);
            return Ok(Outcome::Present(digest));
        }
        let source = open_source(&job.from, context, &job.endpoint)
            .with_context(|| format!("initializing source {}", job.from))?;
        let sink = open_sink(&job.to, context, &self.to, &SinkOptions::default())
            .with_context(|| format!("initializing destination {}", job.to))?;
        let copied = image::copy(
            context,
            source.as_ref(),
            sink,
            self.policy,
            &self.options,
            progress,
        )?;
        Ok(match copied.already_present {
            true => Outcome::Present(copied.digest),
            false => Outcome::Copied(copied.digest),
        })
    }

    /// Removes what the source no longer has; after a failure nothing, because it is not known
    /// what the source has.
    fn prune(
        &self,
        repositories: &[sync::SyncRepository],
        target: &Target,
        reporter: &mut Reporter<'_>,
    ) -> anyhow::Result<()> {
        if reporter.failures() > 0 {
            self.session
                .warn("nothing is removed from the destination, because images failed");
            return Ok(());
        }
        let context = &self.session.context;
        let stale = sync::stale(context, repositories, target, &self.to)
            .context("looking for what the source no longer has")?;
        for name in stale {
            if !self.args.dry_run {
                sync::remove(context, &name, &self.to)
                    .with_context(|| format!("removing {name}"))
                    .hint(|| "without --prune nothing is removed")?;
            }
            reporter.removed(&name)?;
        }
        Ok(())
    }
}

/// The number of images at once unless told otherwise.
const JOBS: NonZeroUsize = NonZeroUsize::new(6).unwrap();
