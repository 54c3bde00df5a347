//! `skopeo-rs inspect`: what an image is.

use anyhow::Context as _;
use image::{ImageName, open_source};
use oci::limits;
use serde_json::{Value, json};
use term::{Explain as _, Template};

use crate::access::{Access, Places};
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
OUTPUT:
JSON with the members Name, Digest, RepoTags, Created, DockerVersion, Labels, Architecture, Os, Layers, LayersData (MIMEType, Digest, Size, Annotations) and Env. Digest is that of the list when the image is one; everything else is of the instance for this platform (see --override-arch).

With --format the output is a Go template over these members (over those of the configuration with --config). Beside Go's own there are the functions join, json, lower, upper, title, split, pad and truncate; `table ` in front aligns columns; the word json is the JSON itself.

EXAMPLES:
  skopeo-rs inspect docker://registry.example/app:1
  skopeo-rs inspect --no-tags --format '{{.Digest}}' docker://registry.example/app:1
  skopeo-rs inspect --config docker://registry.example/app:1 | ocitool generate --image-config - --rootfs ROOT
  skopeo-rs --override-arch arm64 inspect --config oci:layout:1
  skopeo-rs inspect --raw docker://registry.example/app:1 | jq .

EXIT STATUS:
0 when the image was shown, 2 when it was not found, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-list-tags(1), storetool-inspect(1)";

/// Show what an image is, without copying it
///
/// The trust policy is not asked: what is shown is what is there, whoever made it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
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
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    places: Places,
}

/// What is going to be printed.
enum Output {
    Bytes(Vec<u8>),
    Inspection(Box<image::Inspection>),
    Config(Vec<u8>),
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let name = ImageName::parse(&args.image)
        .context("parsing the name of the image")
        .hint(|| "an image is named TRANSPORT:REST, e.g. docker://registry.example/app:1")?;
    let template = args
        .format
        .as_deref()
        .filter(|format| !format.is_empty())
        .map(Template::parse)
        .transpose()?;
    let mut access = args.access.options(None, session.global.tls_verify)?;
    args.places.apply(&mut access);
    let output = args.retry.run(session, || {
        if !args.raw && !args.config {
            let seen = image::inspect(&session.context, &name, &access, !args.no_tags)?;
            if seen.tags_refused {
                session.warn("the registry does not list the tags of the repository");
            }
            return Ok(Output::Inspection(Box::new(seen)));
        }
        let source = open_source(&name, &session.context, &access)
            .with_context(|| format!("reading image {name}"))?;
        let source = source.as_ref();
        if !args.raw {
            let config = image::inspect::config_json(&session.context, source)?;
            return Ok(Output::Config(config));
        }
        if !args.config {
            return Ok(Output::Bytes(source.raw_manifest(None)?.0));
        }
        let bytes = image::inspect::raw_config(&session.context, source)?;
        if bytes.is_none() {
            session.warn("the image is of docker schema 1, which has no configuration");
        }
        Ok(Output::Bytes(bytes.unwrap_or_default()))
    })?;
    match (output, template.filter(|template| !template.is_json())) {
        (Output::Bytes(bytes), _) => Ok(term::stdout::write_all(&bytes)?),
        (Output::Inspection(seen), Some(template)) => template.print(&go_inspection(&seen)?),
        (Output::Inspection(seen), None) => Ok(term::json::print(&seen)?),
        (Output::Config(config), Some(template)) => {
            let value = oci::json::parse(&config, limits::CONFIG_BYTES.saturating_mul(2))?;
            template.print(&go_config(&value))
        }
        (Output::Config(mut bytes), None) => {
            bytes.push(b'\n');
            Ok(term::stdout::write_all(&bytes)?)
        }
    }
}

/// The fields of what is inspected as Go's templates see them: none is absent, and the time is
/// printed by Go's `Time.String`.
fn go_inspection(seen: &image::Inspection) -> anyhow::Result<Value> {
    let mut fields = serde_json::to_value(seen)?;
    fields["Name"] = seen.name.as_str().into();
    fields["Tag"] = seen.tag.as_str().into();
    fields["Labels"] = json!(seen.labels.clone().unwrap_or_default());
    fields["Env"] = json!(seen.env.clone().unwrap_or_default());
    fields["LayersData"] = json!(seen.layers_data);
    fields["Created"] = match &seen.created {
        Some(created) => go_time(created).into(),
        None => "<nil>".into(),
    };
    Ok(fields)
}

/// An RFC 3339 time as Go prints a `time.Time`: `2020-01-01 00:00:00 +0000 UTC`.
fn go_time(text: &str) -> String {
    let Some((date, rest)) = text.split_once('T') else {
        return text.to_owned();
    };
    match rest.strip_suffix('Z') {
        Some(time) => format!("{date} {time} +0000 UTC"),
        None => match rest.rfind(['+', '-']).map(|at| rest.split_at(at)) {
            Some((time, zone)) => {
                let zone = zone.replace(':', "");
                format!("{date} {time} {zone} {zone}")
            }
            None => text.to_owned(),
        },
    }
}

/// The type of a Go field: what it is when the member of the JSON is absent.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    List,
    Map,
    Time,
    /// A structure or structures, which [`go_config`] fills in.
    Inner,
}

/// The fields of Go's `v1.Image`, which templates name, and the members of its JSON.
const FIELDS: [(&str, &str, Kind); 10] = [
    ("Created", "created", Kind::Time),
    ("Author", "author", Kind::Text),
    ("Architecture", "architecture", Kind::Text),
    ("Variant", "variant", Kind::Text),
    ("OS", "os", Kind::Text),
    ("OSVersion", "os.version", Kind::Text),
    ("OSFeatures", "os.features", Kind::List),
    ("Config", "config", Kind::Inner),
    ("RootFS", "rootfs", Kind::Inner),
    ("History", "history", Kind::Inner),
];

/// The fields of its configuration of containers, likewise.
const CONFIG: [(&str, &str, Kind); 10] = [
    ("User", "User", Kind::Text),
    ("ExposedPorts", "ExposedPorts", Kind::Map),
    ("Env", "Env", Kind::List),
    ("Entrypoint", "Entrypoint", Kind::List),
    ("Cmd", "Cmd", Kind::List),
    ("Volumes", "Volumes", Kind::Map),
    ("WorkingDir", "WorkingDir", Kind::Text),
    ("Labels", "Labels", Kind::Map),
    ("StopSignal", "StopSignal", Kind::Text),
    ("ArgsEscaped", "ArgsEscaped", Kind::Flag),
];

/// The fields of its layers, likewise.
const ROOTFS: [(&str, &str, Kind); 2] = [
    ("Type", "type", Kind::Text),
    ("DiffIDs", "diff_ids", Kind::List),
];

/// The fields of one step of its history, likewise.
const HISTORY: [(&str, &str, Kind); 5] = [
    ("Created", "created", Kind::Time),
    ("CreatedBy", "created_by", Kind::Text),
    ("Author", "author", Kind::Text),
    ("Comment", "comment", Kind::Text),
    ("EmptyLayer", "empty_layer", Kind::Flag),
];

/// A configuration under the names of Go's fields.
fn go_config(config: &Value) -> Value {
    let mut fields = renamed(config, &FIELDS);
    let steps = config["history"].as_array().map(Vec::as_slice);
    let steps = steps.unwrap_or_default().iter();
    fields["Config"] = renamed(&config["config"], &CONFIG);
    fields["RootFS"] = renamed(&config["rootfs"], &ROOTFS);
    fields["History"] = steps.map(|step| renamed(step, &HISTORY)).collect();
    fields
}

/// The members of an object under other names; what is absent is empty.
fn renamed(object: &Value, names: &[(&str, &str, Kind)]) -> Value {
    let field = |kind, member: &str| match (kind, &object[member]) {
        (Kind::Text, Value::Null) => "".into(),
        (Kind::Flag, Value::Null) => false.into(),
        (Kind::List, Value::Null) => json!([]),
        (Kind::Map, Value::Null) => json!({}),
        (Kind::Time, Value::Null) => "<nil>".into(),
        (Kind::Time, Value::String(time)) => go_time(time).into(),
        (_, value) => value.clone(),
    };
    names
        .iter()
        .map(|(name, member, kind)| ((*name).to_owned(), field(*kind, member)))
        .collect()
}
