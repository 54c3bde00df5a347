//! `skopeo-rs inspect`: what images are.

mod go;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use image::{EndpointOptions, ImageName, InspectOptions, TagLists, open_source, parallel};
use oci::{Algorithm, limits};
use serde_json::{Value, json};
use term::{Explain as _, Template, program, stdout};

use self::go::{go_config, go_inspection};
use crate::NAME;
use crate::access::{Access, Places};
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
OUTPUT:
JSON with the members Name, Digest, RepoTags, Created, DockerVersion, Labels, Architecture, Os, Layers, LayersData (MIMEType, Digest, Size, Annotations) and Env. Digest is that of the list when the image is one; everything else is of the instance for this platform (see --override-arch).

With --long there are MediaType, Size (the bytes of configuration and layers), Variant, Author, Annotations, ArtifactType and Subject, too; with --all-platforms also Instances, in place of one instance: Platform, Digest, and the members above of each, or Missing. An artifact that is no image has no Created, Architecture, Os and Env.

Of several images one JSON object a line is printed, in the order in which they were given, with the member Image in front: the name. Of one that fails the object has Image and Error, and the exit status tells it at the end. With --config the object has Image and Config, and with --format there is a text for each in place of an object. The tags of a repository are listed once.

With --format the output is a Go template over these members (over those of the configuration with --config). Beside Go's own there are the functions join, json, lower, upper, title, split, pad and truncate; `table ` in front aligns columns; the word json is the JSON itself.

EXAMPLES:
  skopeo-rs inspect docker://registry.example/app:1
  skopeo-rs inspect --no-tags --format '{{.Digest}}' docker://registry.example/app:1
  skopeo-rs inspect --config docker://registry.example/app:1 | ocitool generate --image-config - --rootfs ROOT
  skopeo-rs --override-arch arm64 inspect --config oci:layout:1
  skopeo-rs inspect --raw docker://registry.example/app:1 | jq .
  skopeo-rs inspect --all-platforms docker://registry.example/app:1 | jq '.Instances[].Platform'
  skopeo-rs list-tags --lines docker://registry.example/app | sed 's,^,docker://registry.example/app:,' | skopeo-rs inspect -n - | jq -r '[.Image, .Digest] | @tsv'

EXIT STATUS:
0 when the images were shown, 2 when one was not found, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-list-tags(1), storetool-inspect(1)";

/// Show what images are, without copying them
///
/// The trust policy is not asked: what is shown is what is there, whoever made it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The images; - reads names from standard input, one a line
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Print the manifest (the configuration with --config) byte for byte
    #[arg(long)]
    raw: bool,
    /// Print the configuration of the image
    #[arg(long)]
    config: bool,
    /// Print by this Go template
    #[arg(short, long, value_name = "TEMPLATE", conflicts_with = "raw")]
    format: Option<String>,
    /// Do not list the tags of the repository, which saves requests
    #[arg(short, long)]
    no_tags: bool,
    /// Print more than the original: sizes, annotations, variant, author
    #[arg(long, conflicts_with_all = ["raw", "config"])]
    long: bool,
    /// Print every instance of a list
    #[arg(long, conflicts_with_all = ["raw", "config"])]
    all_platforms: bool,
    /// Compute the digest of the manifest by this algorithm (default: that of the configuration's)
    #[arg(long, value_enum, value_name = "ALGORITHM")]
    manifest_digest: Option<DigestAlgorithm>,
    /// Look at so many images at once
    #[arg(long, value_name = "N", default_value_t = JOBS)]
    jobs: NonZeroUsize,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    places: Places,
}

/// So many images at once unless told otherwise.
const JOBS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Most bytes of names that are read from standard input.
const NAMES_BYTES: u64 = 64 << 20;

/// An algorithm of digests.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DigestAlgorithm {
    Sha256,
    Sha512,
}

impl From<DigestAlgorithm> for Algorithm {
    fn from(algorithm: DigestAlgorithm) -> Self {
        match algorithm {
            DigestAlgorithm::Sha256 => Self::Sha256,
            DigestAlgorithm::Sha512 => Self::Sha512,
        }
    }
}

/// What is going to be printed.
enum Output {
    Bytes(Vec<u8>),
    Inspection(Box<image::Inspection>),
    Config(Vec<u8>),
}

/// What is the same for all images.
struct Look<'a> {
    args: &'a Args,
    session: &'a Session,
    endpoint: EndpointOptions,
    template: Option<Template>,
    tags: TagLists,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let template = args
        .format
        .as_deref()
        .filter(|format| !format.is_empty())
        .map(Template::parse)
        .transpose()?;
    let mut endpoint = args
        .access
        .clone()
        .options(None, session.global.tls_verify)?;
    args.places.clone().apply(&mut endpoint);
    let look = Look {
        args,
        session,
        endpoint,
        template: template.filter(|template| !template.is_json()),
        tags: TagLists::default(),
    };
    match args.images.as_slice() {
        [one] if one != "-" => {
            let output = look.at(one)?;
            look.print(output)
        }
        images => {
            if args.raw {
                bail!("--raw is for one image: manifests have nothing between them");
            }
            look.at_all(&names(images, session)?)
        }
    }
}

/// Reads the names from standard input where - stands for them.
fn names(images: &[String], session: &Session) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::with_capacity(images.len());
    for image in images {
        if image != "-" {
            names.push(image.clone());
            continue;
        }
        let bytes = term::input::read(Path::new("-"), NAMES_BYTES, &session.interrupt)
            .context("reading names from standard input")?;
        let text = String::from_utf8(bytes).context("names on standard input")?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        names.extend(lines.map(str::to_owned));
    }
    Ok(names)
}

impl Look<'_> {
    /// Looks at one image.
    fn at(&self, image: &str) -> anyhow::Result<Output> {
        let name = ImageName::parse(image)
            .context("parsing the name of the image")
            .hint(|| "an image is named TRANSPORT:REST, e.g. docker://registry.example/app:1")?;
        let args = self.args;
        args.retry.run(self.session, || {
            let context = &self.session.context;
            if !args.raw && !args.config {
                let options = InspectOptions {
                    tags: (!args.no_tags).then_some(&self.tags),
                    details: args.long,
                    all_platforms: args.all_platforms,
                    algorithm: args.manifest_digest.map(Algorithm::from),
                };
                let seen = image::inspect(context, &name, &self.endpoint, options)?;
                return Ok(Output::Inspection(Box::new(seen)));
            }
            let source = open_source(&name, context, &self.endpoint)
                .with_context(|| format!("reading image {name}"))?;
            let source = source.as_ref();
            if !args.raw {
                let config = image::inspect::config_json(context, source)?;
                return Ok(Output::Config(config));
            }
            if !args.config {
                return Ok(Output::Bytes(source.raw_manifest(None)?.0));
            }
            let bytes = image::inspect::raw_config(context, source)?;
            if bytes.is_none() {
                self.session
                    .warn("the image is of docker schema 1, which has no configuration");
            }
            Ok(Output::Bytes(bytes.unwrap_or_default()))
        })
    }

    /// Looks at many images, and prints a line for each.
    fn at_all(&self, images: &[String]) -> anyhow::Result<()> {
        let mut failed = 0;
        let mut last = Ok(());
        let mut warned = false;
        parallel::in_order(
            images,
            self.args.jobs,
            |image| self.at(image),
            |image, output| {
                if self.session.interrupt.is_set() {
                    last = Err(anyhow::anyhow!("interrupted"));
                    return ControlFlow::Break(());
                }
                if let Ok(Output::Inspection(seen)) = &output {
                    // Once for all: they are of one repository most of the time.
                    if seen.tags_refused && !std::mem::replace(&mut warned, true) {
                        self.warn_of_tags();
                    }
                }
                let line = match output {
                    Ok(output) => self.line(image, output),
                    Err(error) => {
                        failed += 1;
                        program::say(&term::error::render(NAME, &error));
                        let line = json!({"Image": image, "Error": format!("{error:#}")});
                        last = Err(error);
                        match self.template {
                            Some(_) => Ok(Vec::new()),
                            None => object(&line),
                        }
                    }
                };
                match line.and_then(|line| Ok(stdout::write_all(&line)?)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        (failed, last) = (0, Err(error));
                        ControlFlow::Break(())
                    }
                }
            },
        );
        match failed {
            0 => last,
            failed => last.with_context(|| format!("{failed} of {} images failed", images.len())),
        }
    }

    /// One of many images as a line.
    fn line(&self, image: &str, output: Output) -> anyhow::Result<Vec<u8>> {
        let value = match (output, &self.template) {
            (output, Some(template)) => {
                return Ok(template.render(&self.fields(&output)?)?.into_bytes());
            }
            (Output::Inspection(seen), None) => {
                let seen = Named { image, seen: &seen };
                let mut line = term::json::compact(&seen)?;
                line.push(b'\n');
                return Ok(line);
            }
            (Output::Config(bytes) | Output::Bytes(bytes), None) => {
                let config = oci::json::parse(&bytes, limits::CONFIG_BYTES.saturating_mul(2))?;
                json!({"Image": image, "Config": config})
            }
        };
        object(&value)
    }

    /// The fields that a template can name.
    fn fields(&self, output: &Output) -> anyhow::Result<Value> {
        Ok(match output {
            Output::Inspection(seen) => go_inspection(seen)?,
            Output::Config(bytes) | Output::Bytes(bytes) => go_config(&oci::json::parse(
                bytes,
                limits::CONFIG_BYTES.saturating_mul(2),
            )?),
        })
    }

    /// Prints the only image.
    fn print(&self, output: Output) -> anyhow::Result<()> {
        if let Output::Inspection(seen) = &output
            && seen.tags_refused
        {
            self.warn_of_tags();
        }
        match (output, &self.template) {
            (Output::Bytes(bytes), _) => Ok(stdout::write_all(&bytes)?),
            (output, Some(template)) => template.print(&self.fields(&output)?),
            (Output::Inspection(seen), None) => Ok(term::json::print(&seen)?),
            (Output::Config(mut bytes), None) => {
                bytes.push(b'\n');
                Ok(stdout::write_all(&bytes)?)
            }
        }
    }

    fn warn_of_tags(&self) {
        self.session
            .warn("the registry does not list the tags of the repository");
    }
}

/// One of many images.
#[derive(serde::Serialize)]
struct Named<'a> {
    #[serde(rename = "Image")]
    image: &'a str,
    #[serde(flatten)]
    seen: &'a image::Inspection,
}

fn object(value: &Value) -> anyhow::Result<Vec<u8>> {
    let mut line = term::json::compact(value)?;
    line.push(b'\n');
    Ok(line)
}
