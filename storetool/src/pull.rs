//! `storetool pull`: an image into the store.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use image::name::{ImageName, StoreName};
use image::sink::Stored;
use image::{CopyError, CopyOptions, SinkOptions, open_sink, open_source};
use jiff::Timestamp;
use oci::Reference;
use oci::platform::PlatformWanted;
use registry::RegistryError;
use serde::Serialize;
use signing::{Policy, Reason};
use storage::StoreError;
use term::copy::{CopyProgress, Moved, Report};
use term::progress::Shown;
use term::size::human;
use term::{Explain as _, ProgressArgs};

use crate::access::Access;
use crate::session::Session;
use crate::shape;

const AFTER_HELP: &str = "\
OUTPUT:
The digest of the image on standard output, or JSON with --json. What was fetched, what was new and what the store had goes to standard error.

EXAMPLES:
  storetool pull docker://registry.example/app:1
  storetool pull --platform linux/arm64 docker://registry.example/app:1
  storetool pull --name app:1 oci:layout:1
  digest=$(storetool pull -q docker://registry.example/app:1)

FILES:
  /etc/containers/policy.json       which images may enter (--policy)
  /etc/containers/registries.conf   mirrors, blocked and insecure registries
  /etc/containers/registries.d      where signatures lie
  /etc/containers/certs.d           certificates of registries (--cert-dir)

EXIT STATUS:
0 when the image is in the store, on disk; 129, 130 or 143 after SIGHUP, Ctrl-C or SIGTERM; 2 when the call was wrong, 1 otherwise. Unless it is 0 the store is as it was before.

SEE ALSO:
storetool(1), storetool-import(1), skopeo-rs-copy(1), containers-policy.json(5)";

/// Fetch an image into the store
///
/// The trust policy judges the image first. Layers that the store has are not fetched; files that
/// it has are not written. Two pulls at once fetch no layer twice. The image appears when all of
/// it is on disk.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image, as TRANSPORT:REST, e.g. docker://registry.example/app:1
    image: String,
    #[command(flatten)]
    arrival: Arrival,
    #[command(flatten)]
    access: Access,
}

/// The flags of every command that brings an image in.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arrival {
    /// Give the image this name instead of its own (can be repeated)
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Use this trust policy
    ///
    /// Without it: $CONTAINERS_POLICY_JSON, ~/.config/containers/policy.json,
    /// /etc/containers/policy.json, /usr/share/containers/policy.json.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Read where signatures lie from this directory alone
    #[arg(long = "registries.d", value_name = "DIR")]
    registries_d: Option<PathBuf>,
    /// Choose the image for this platform from a list (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = parse_platform)]
    platform: Option<(String, String, Option<String>)>,
    /// Keep the compressed layers too, so that the image can be exported under its digest
    #[arg(long)]
    keep_blobs: bool,
    /// Print nothing but the digest, and errors
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    /// Print a summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    progress: ProgressArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    image: shape::Image,
    /// Layers that were fetched.
    layers_fetched: usize,
    /// Layers that the store had.
    layers_shared: usize,
    /// Compressed bytes that were fetched.
    bytes_fetched: u64,
    /// Bytes of file contents that were written.
    bytes_new: u64,
    /// Bytes of file contents, in fetched layers, that the store had.
    bytes_shared: u64,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let source = ImageName::parse(&args.image)
        .context("parsing the name of the image")
        .hint(|| format!("an image in a registry is docker://{}", args.image))?;
    if source.transport() == image::Transport::Store {
        bail!("{source} is in the store; `storetool tag` gives it another name");
    }
    arrive(&source, &args.arrival, args.access, session)
}

/// Brings an image in and prints what became of it.
pub(crate) fn arrive(
    source: &ImageName,
    arrival: &Arrival,
    access: Access,
    session: &Session,
) -> anyhow::Result<()> {
    let names = names(source, &arrival.name)?;
    let policy: Policy = session.policy(arrival.policy.as_deref())?;
    let endpoint = access.options()?;
    let store = session.change()?;
    let mut context = session.context(&store, arrival.registries_d.as_deref())?;
    if let Some((os, architecture, variant)) = &arrival.platform {
        // Overrides are of the host's platform, whose variant must not survive another architecture.
        context.platform = PlatformWanted {
            os: os.clone(),
            architecture: architecture.clone(),
            variant: variant.clone(),
        };
    }
    let sink_options = SinkOptions {
        names,
        keep_blobs: arrival.keep_blobs,
        ..SinkOptions::default()
    };
    let destination = ImageName::Store(StoreName {
        text: source.to_string(),
        reference: None,
    });
    let shown = arrival.progress.progress.shown(arrival.quiet);
    let report = match shown {
        Shown::Nothing => Report::Silent,
        _ => Report::Notable,
    };
    let progress = CopyProgress::new(shown, report, &session.interrupt);
    let copied = open_source(source, &context, &endpoint)
        .map_err(anyhow::Error::from)
        .and_then(|opened| {
            let none = image::EndpointOptions::default();
            let sink = open_sink(&destination, &context, &none, &sink_options)
                .context("opening the store")?;
            let options = CopyOptions::new(Timestamp::now());
            let source = opened.as_ref();
            Ok(image::copy(
                &context, source, sink, &policy, &options, &progress,
            )?)
        });
    progress.finish();
    for warning in context.warnings() {
        let warning = term::error::printable(&warning, "    ");
        term::program::say(&format!("storetool: warning: {warning}\n"));
    }
    let advice = copied.as_ref().err().and_then(advice);
    let copied = copied.with_context(|| format!("pulling {source}"));
    let copied = match advice {
        Some(advice) => copied.hint(|| advice)?,
        None => copied?,
    };
    let stored = copied
        .stored
        .context("the store did not say what it stored")?;
    print(&stored, progress.moved(), arrival)
}

/// What can be done about an image that did not come.
fn advice(error: &anyhow::Error) -> Option<String> {
    if let Some(CopyError::Rejected(rejected)) = error.downcast_ref() {
        let scope = rejected.scope();
        let refused =
            |reason: &Reason| matches!(reason, Reason::Reject { .. } | Reason::Unsupported(_));
        return Some(if rejected.reasons().iter().any(refused) {
            format!(
                "scope {scope:?} of the policy lets no image in, signed or not; change it, or add a scope for this one"
            )
        } else {
            format!(
                "scope {scope:?} of the policy wants a signature of a key that it names, or a change"
            )
        });
    }
    let of_registry = || RegistryError::find(error.as_ref())?.advice();
    let of_store = || StoreError::find(error.as_ref())?.advice();
    of_registry().or_else(of_store).map(str::to_owned)
}

fn print(stored: &Stored, moved: Moved, arrival: &Arrival) -> anyhow::Result<()> {
    let (record, totals) = (&stored.record, &stored.totals);
    if arrival.json {
        return Ok(term::json::print(&Summary {
            image: shape::Image::of(record),
            layers_fetched: totals.layers_new,
            layers_shared: totals.layers_shared,
            bytes_fetched: moved.bytes,
            bytes_new: totals.new_bytes,
            bytes_shared: totals.shared_bytes,
        })?);
    }
    if !arrival.quiet {
        let name = record.names.first().map_or(
            "the image (without a name; `storetool tag` gives it one)",
            String::as_str,
        );
        term::program::say(&format!(
            "{name}: {} fetched, {} in the store already; {} fetched, {} of files new, {} shared\n",
            layers(totals.layers_new),
            totals.layers_shared,
            human(moved.bytes),
            human(totals.new_bytes),
            human(totals.shared_bytes),
        ));
    }
    Ok(term::stdout::line(&record.manifest.to_string())?)
}

fn layers(count: usize) -> String {
    match count {
        1 => "1 layer".to_owned(),
        count => format!("{count} layers"),
    }
}

/// The names that an image gets: those that were asked for, else its own without the digest. An
/// image that is known by its digest alone gets none.
fn names(source: &ImageName, asked: &[String]) -> anyhow::Result<Vec<Reference>> {
    if asked.is_empty() {
        let own = source.docker_reference().filter(|own| own.tag().is_some());
        return Ok(own
            .map(|own| Reference::new(own.repository().clone(), own.tag().cloned(), None))
            .into_iter()
            .collect());
    }
    asked
        .iter()
        .map(|name| {
            let reference =
                Reference::parse(name).with_context(|| format!("parsing --name {name}"))?;
            if reference.digest().is_some() {
                bail!("--name {name}: a name has no digest");
            }
            Ok(reference.with_default_tag())
        })
        .collect()
}

fn parse_platform(text: &str) -> Result<(String, String, Option<String>), String> {
    let parts: Vec<&str> = text.split('/').collect();
    let filled = parts.iter().all(|part| !part.is_empty());
    match parts.as_slice() {
        [os, architecture] if filled => Ok(((*os).to_owned(), (*architecture).to_owned(), None)),
        [os, architecture, variant] if filled => Ok((
            (*os).to_owned(),
            (*architecture).to_owned(),
            Some((*variant).to_owned()),
        )),
        _ => Err("not of the form OS/ARCH[/VARIANT]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_keep_their_tag_and_not_their_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (source, asked, wanted) in [
            ("docker://app", vec![], vec!["docker.io/library/app:latest"]),
            ("docker://r.example/app:1", vec![], vec!["r.example/app:1"]),
            (&format!("docker://app@{digest}"), vec![], vec![]),
            ("oci:x:1", vec![], vec![]),
            (
                "oci:x:1",
                vec!["a", "b:2"],
                vec!["docker.io/library/a:latest", "docker.io/library/b:2"],
            ),
        ] {
            let asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
            let names = names(&ImageName::parse(source).unwrap(), &asked).unwrap();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(names, wanted, "{source}");
        }
        let asked = vec![format!("a@{digest}")];
        assert!(names(&ImageName::parse("oci:x:1").unwrap(), &asked).is_err());
    }

    #[test]
    fn platforms() {
        assert!(parse_platform("linux/arm/v7").is_ok_and(|it| it.2.as_deref() == Some("v7")));
        for text in ["linux", "linux/", "/amd64", "a/b/c/d", ""] {
            assert!(parse_platform(text).is_err(), "{text}");
        }
    }
}
