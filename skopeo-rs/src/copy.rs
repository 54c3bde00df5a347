//! `skopeo-rs copy`: an image from one place to another.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use image::{
    CopyOptions, EndpointOptions, ImageName, Instances, LayerCompression, SinkOptions, Transport,
    open_sink, open_source,
};
use oci::platform::PlatformWanted;
use oci::{Compression, Reference};
use term::copy::{CopyProgress, Report};
use term::progress::Shown;
use term::{Explain as _, ProgressArgs, ProgressMode};

use crate::access::{DestinationAccess, DestinationPlaces, SourceAccess, SourcePlaces};
use crate::copy_flags::CopyFlags;
use crate::retry::Retry;
use crate::session::Session;
use crate::unsupported::Encryption;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs copy docker://registry.example/app:1 docker://mirror.example/app:1
  skopeo-rs copy --all docker://registry.example/app:1 oci:layout:1
  skopeo-rs copy docker://registry.example/app:1 oci-archive:- | storetool import -
  storetool export app:1 | skopeo-rs copy oci-archive:- docker://registry.example/app:copy
  skopeo-rs copy --sign-by admin@example oci:layout:1 docker://registry.example/app:1

OUTPUT:
The steps of the copy go to standard output, as the original prints them; to standard error when standard output carries the image; nowhere with --quiet. Progress goes to standard error.

FILES:
  /etc/containers/policy.json      decides whether the image may be copied (--policy)
  /etc/containers/registries.d     where signatures are read and written

EXIT STATUS:
0 when the image is at its destination, 2 when the source image was not found, 129, 130 or 143 after SIGHUP, Ctrl-C or SIGTERM, 1 otherwise. Unless it is 0 the destination is as it was before.

SEE ALSO:
skopeo-rs(1), skopeo-rs-inspect(1), storetool-pull(1), containers-policy.json(5)";

/// Copy an image from one place to another
///
/// The trust policy judges the source image first. Then layers that the destination lacks are
/// copied, several at once; each is checked against its digest. Nothing is visible at the
/// destination before all of it is there.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image to copy
    source: String,
    /// Where to, under which name
    destination: String,

    /// Copy every instance of a list, and the list
    #[arg(short, long, conflicts_with = "multi_arch")]
    all: bool,
    /// Which instances of a list are copied: system (default), all, index-only, or platforms
    ///
    /// system is the one for this platform (see --override-arch), without the list; index-only is the
    /// list, whose instances must be at the destination; platforms are OS/ARCHITECTURE[/VARIANT],
    /// parted by commas, with the list.
    #[arg(long, value_name = "WHICH", value_parser = multi_arch)]
    multi_arch: Option<Instances>,
    /// Write the list without the platforms that are not copied
    ///
    /// Without it the list stays as it is and names instances that are not there, which not every
    /// registry takes.
    #[arg(long)]
    strip_removed_platforms: bool,
    /// Write more names into a docker-archive: (can be repeated)
    #[arg(long, value_name = "NAME:TAG", value_delimiter = ',')]
    additional_tag: Vec<String>,
    /// Write the digest of the copied manifest, or list, to this file
    #[arg(long, value_name = "FILE")]
    digestfile: Option<PathBuf>,
    /// Copy so many layers at once (0 or default: 6)
    #[arg(long, value_name = "N")]
    image_parallel_copies: Option<usize>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    progress: ProgressArgs,

    #[command(flatten)]
    shared: CopyFlags,
    /// Sign this name instead of the destination's
    #[arg(long, value_name = "NAME:TAG", help_heading = "Signatures")]
    sign_identity: Option<String>,

    #[command(flatten)]
    retry: Retry,

    /// Read credentials of both sides from this file alone
    #[arg(id = "authfile", long = "authfile", value_name = "FILE")]
    authfile: Option<PathBuf>,
    #[command(flatten)]
    source_access: SourceAccess,
    #[command(flatten)]
    source_places: SourcePlaces,
    #[command(flatten)]
    destination_access: DestinationAccess,
    #[command(flatten)]
    destination_places: DestinationPlaces,
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    encryption: Encryption,
}

impl Args {
    /// Says whether the destination is the store of this host.
    pub(crate) fn writes_store(&self) -> bool {
        self.destination.starts_with("store:")
    }
}

/// What becomes of layers at the destination.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Layers at the destination")]
struct Layers {
    /// dir: only: compress layers that are not compressed
    #[arg(long, conflicts_with = "dest_decompress")]
    dest_compress: bool,
    /// dir: only: decompress layers that are compressed
    #[arg(long)]
    dest_decompress: bool,
    /// oci: and oci-archive: only: keep layers uncompressed that are (default: compress them)
    #[arg(long)]
    dest_oci_accept_uncompressed_layers: bool,
    /// Compress layers in this format where the destination compresses
    #[arg(long, value_enum, value_name = "FORMAT")]
    dest_compress_format: Option<LayerFormat>,
    /// Compress at this level (gzip 1 to 9, zstd 1 to 20)
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(i32).range(1..=20))]
    dest_compress_level: Option<i32>,
    /// Do not use layers at the destination that are compressed otherwise
    #[arg(long, requires = "dest_compress_format")]
    dest_force_compress_format: bool,
    /// Know the digest of a layer before it is uploaded, by way of a temporary file
    #[arg(long)]
    dest_precompute_digests: bool,
}

/// Parses which instances of a list are copied.
fn multi_arch(text: &str) -> Result<Instances, String> {
    match text {
        "system" => return Ok(Instances::System),
        "all" => return Ok(Instances::All),
        "index-only" => return Ok(Instances::IndexOnly),
        _ => {}
    }
    text.split(',')
        .map(|part| {
            PlatformWanted::parse(part.trim()).ok_or_else(|| {
                format!("{part:?} is neither system, all, index-only nor OS/ARCHITECTURE[/VARIANT]")
            })
        })
        .collect::<Result<_, _>>()
        .map(Instances::Platforms)
}

/// A compression of layers.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayerFormat {
    /// Readable everywhere
    Gzip,
    /// Smaller and faster, needs OCI manifests
    Zstd,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    args.encryption.refuse()?;
    let source = parse(&args.source, "source")?;
    let destination = parse(&args.destination, "destination")?;
    if is_stdout(&destination) && std::io::stdout().is_terminal() {
        bail!("an archive is not for a terminal: name a file, or use a pipe");
    }
    let policy = session.policy()?;
    session.require_signed(&policy, &source)?;
    let options = copy_options(&args, session)?;
    let sink_options = sink_options(&args, &destination, session)?;
    let authfile = args.authfile.as_ref();
    let tls_verify = session.global.tls_verify;
    let mut from: EndpointOptions = args.source_access.options(authfile, tls_verify)?;
    args.source_places.apply(&mut from);
    let mut to: EndpointOptions = args.destination_access.options(authfile, tls_verify)?;
    args.destination_places.apply(&mut to);
    if let ImageName::Docker(docker) = &destination {
        from.not_from = Some(docker.reference.repository().clone());
    }

    for (given, flag, name) in [
        (&from.shared_blob_dir, "--src-shared-blob-dir", &source),
        (&to.shared_blob_dir, "--dest-shared-blob-dir", &destination),
    ] {
        if given.is_some() && name.transport() != Transport::Oci {
            session.warn(&format!("{flag} has no effect: {name} is not oci:"));
        }
    }

    let report = match (args.quiet, is_stdout(&destination)) {
        (true, _) => Report::Silent,
        (false, true) => Report::Stderr,
        (false, false) => Report::Stdout,
    };
    let shown = match (
        args.progress.progress,
        args.progress.progress.shown(args.quiet),
    ) {
        // The report says as much as lines would, and both together say it twice.
        (ProgressMode::Auto, Shown::Lines) => Shown::Nothing,
        (_, shown) => shown,
    };
    let copied = args.retry.run(session, || {
        let progress = CopyProgress::new(shown, report, &session.interrupt);
        let source = open_source(&source, &session.context, &from)
            .with_context(|| format!("initializing source {source}"))?;
        let sink = open_sink(&destination, &session.context, &to, &sink_options)
            .with_context(|| format!("initializing destination {destination}"))?;
        let copied = image::copy(
            &session.context,
            source.as_ref(),
            sink,
            &policy,
            &options,
            &progress,
        );
        progress.finish();
        Ok(copied?)
    })?;
    session.debug(|| {
        format!(
            "the destination has {} ({})",
            copied.digest, copied.media_type
        )
    });
    if let Some(file) = &args.digestfile {
        std::fs::write(file, copied.digest.to_string())
            .with_context(|| format!("writing digest to {}", file.display()))?;
    }
    Ok(())
}

fn parse(name: &str, side: &str) -> anyhow::Result<ImageName> {
    ImageName::parse(name)
        .with_context(|| format!("invalid {side} name {name}"))
        .hint(|| "an image is named TRANSPORT:REST, e.g. docker://registry.example/app:1")
}

fn copy_options(args: &Args, session: &Session) -> anyhow::Result<CopyOptions> {
    let layers = &args.layers;
    let mut options = CopyOptions::new(session.now);
    options.instances = match (args.all, &args.multi_arch) {
        (true, _) => Instances::All,
        (false, Some(instances)) => instances.clone(),
        (false, None) => Instances::System,
    };
    options.strip_instances = args.strip_removed_platforms;
    if args.strip_removed_platforms && !matches!(options.instances, Instances::Platforms(_)) {
        bail!("--strip-removed-platforms goes with --multi-arch PLATFORMS");
    }
    options.compression = layers.dest_compress_format.map(|format| match format {
        LayerFormat::Gzip => Compression::Gzip,
        LayerFormat::Zstd => Compression::Zstd,
    });
    let zstd = matches!(layers.dest_compress_format, Some(LayerFormat::Zstd));
    if let Some(level) = layers
        .dest_compress_level
        .filter(|level| *level > 9 && !zstd)
    {
        bail!("--dest-compress-level {level}: gzip has levels 1 to 9");
    }
    options.compression_level = layers.dest_compress_level;
    options.force_compression = layers.dest_force_compress_format;
    options.parallel = args.image_parallel_copies.and_then(NonZeroUsize::new);
    args.shared.apply(&mut options, session)?;
    if let Some(name) = &args.sign_identity {
        let identity =
            Reference::parse(name).with_context(|| format!("parsing --sign-identity {name}"))?;
        if identity.tag().is_none() && identity.digest().is_none() {
            bail!("--sign-identity {name}: neither a tag nor a digest");
        }
        if options.signers.is_empty() {
            bail!("--sign-identity {name}: nothing is signed; --sign-by KEY signs");
        }
        options.sign_identity = Some(identity);
    }
    Ok(options)
}

fn sink_options(
    args: &Args,
    destination: &ImageName,
    session: &Session,
) -> anyhow::Result<SinkOptions> {
    let layers = &args.layers;
    let transport = destination.transport();
    let only = |given: bool, flag: &str, wanted: &[Transport]| {
        if given && !wanted.contains(&transport) {
            let wanted: Vec<String> = wanted.iter().map(|it| format!("{it}:")).collect();
            session.warn(&format!(
                "{flag} has no effect: the destination is not {}",
                wanted.join(" or ")
            ));
        }
    };
    only(layers.dest_compress, "--dest-compress", &[Transport::Dir]);
    only(
        layers.dest_decompress,
        "--dest-decompress",
        &[Transport::Dir],
    );
    only(
        layers.dest_oci_accept_uncompressed_layers,
        "--dest-oci-accept-uncompressed-layers",
        &[Transport::Oci, Transport::OciArchive],
    );
    only(
        layers.dest_precompute_digests,
        "--dest-precompute-digests",
        &[Transport::Docker],
    );
    let compresses = match transport {
        Transport::Docker => true,
        Transport::Oci | Transport::OciArchive => !layers.dest_oci_accept_uncompressed_layers,
        Transport::Dir => layers.dest_compress,
        Transport::DockerArchive | Transport::DockerDaemon | Transport::Store => false,
    };
    let idle = match (args.shared.preserve_digests, compresses) {
        (true, _) => Some("--preserve-digests keeps the image as it is"),
        (_, false) => Some("the destination does not compress layers"),
        (false, true) => None,
    };
    for (given, flag) in [
        (
            layers.dest_compress_format.is_some(),
            "--dest-compress-format",
        ),
        (
            layers.dest_compress_level.is_some(),
            "--dest-compress-level",
        ),
        (
            args.shared.preserve_digests && args.shared.format.is_some(),
            "--format",
        ),
        (
            args.shared.preserve_digests && layers.dest_compress,
            "--dest-compress",
        ),
        (
            args.shared.preserve_digests && layers.dest_decompress,
            "--dest-decompress",
        ),
    ] {
        if let (true, Some(why)) = (given, idle) {
            session.warn(&format!("{flag} has no effect: {why}"));
        }
    }
    if !args.additional_tag.is_empty() && transport != Transport::DockerArchive {
        bail!("--additional-tag: only docker-archive: has additional tags");
    }
    let mut additional_tags = Vec::new();
    for name in &args.additional_tag {
        let tag =
            Reference::parse(name).with_context(|| format!("parsing --additional-tag {name}"))?;
        if tag.tag().is_none() || tag.digest().is_some() {
            bail!("--additional-tag {name}: not of the form NAME:TAG");
        }
        additional_tags.push(tag);
    }
    Ok(SinkOptions {
        dir_compression: match (layers.dest_compress, layers.dest_decompress) {
            (true, _) => Some(LayerCompression::Compress),
            (_, true) => Some(LayerCompression::Decompress),
            (false, false) => None,
        },
        accept_uncompressed: layers.dest_oci_accept_uncompressed_layers,
        additional_tags,
        precompute_digests: layers.dest_precompute_digests,
        ..SinkOptions::default()
    })
}

/// Says whether a destination is standard output, under any of its names.
fn is_stdout(destination: &ImageName) -> bool {
    let path = match destination {
        ImageName::OciArchive(name) => &name.path,
        ImageName::DockerArchive(name) => &name.path,
        _ => return false,
    };
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|stdout| path == Path::new(stdout))
}
