//! The image configuration (image-spec, config.md; docker's has the same members and more).
//!
//! The bytes are kept: a configuration that was pulled is never written again. Members that are
//! not known are tolerated, but none that differs from a known one by case only, which Go would
//! take for it. `null` stands for an absent member, as in Go.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::{self, JsonError};
use crate::platform::null_as_default;
use crate::{DiffId, limits};

/// Why an image configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The document is too long, no JSON, or JSON that readers read differently.
    #[error("reading image configuration")]
    Json(#[from] JsonError),
    /// A member is spelt in other case, which some readers take for the member itself.
    #[error("image configuration member {found:?} is not spelt {want:?}")]
    MemberCase {
        /// As it is spelt.
        found: String,
        /// As it should be.
        want: &'static str,
    },
    /// A member is missing or has the wrong shape.
    #[error("unexpected image configuration")]
    Shape(#[source] serde_json::Error),
    /// The file system is not a list of layers.
    #[error("image configuration has rootfs of type {0:?}, only \"layers\" is known")]
    RootfsType(String),
    /// There are more layers than images have.
    #[error("image configuration has {actual} layers, {limit} are allowed")]
    TooManyLayers {
        /// How many there are.
        actual: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A time is not as RFC 3339 says.
    #[error("image configuration member {member} is no time: {text:?}")]
    Time {
        /// Which one.
        member: String,
        /// The text.
        text: String,
    },
}

/// An image configuration; `R` is its list of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageConfig<R = Rootfs> {
    raw: Vec<u8>,
    parsed: Parsed<R>,
}

/// The members that are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parsed<R = Rootfs> {
    /// When the image was made (RFC 3339), spelt as Go spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made the image.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub author: String,
    /// The architecture, in Go's words.
    #[serde(default, deserialize_with = "null_as_default")]
    pub architecture: String,
    /// The variant of the architecture.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub variant: String,
    /// The operating system, in Go's words.
    #[serde(default, deserialize_with = "null_as_default")]
    pub os: String,
    /// The version of the operating system.
    #[serde(
        rename = "os.version",
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
    /// Features that the operating system must have.
    #[serde(
        rename = "os.features",
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// How to run the image.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: RunConfig,
    /// The layers.
    pub rootfs: R,
    /// What made each layer.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub history: Vec<History>,
    /// The version of docker that made the image; docker only.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing)]
    pub docker_version: String,
}

/// How to run an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// User and group, by name or number.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub user: String,
    /// Ports that the program listens on, `PORT[/PROTOCOL]`.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Environment, `NAME=VALUE`.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub env: Vec<String>,
    /// Program and first arguments.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub entrypoint: Vec<String>,
    /// Arguments, or the program when there is no entrypoint.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cmd: Vec<String>,
    /// Directories that are to be volumes.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub volumes: BTreeMap<String, Empty>,
    /// Directory to start in.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub working_dir: String,
    /// Free text by key.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// Signal that stops the program.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub stop_signal: String,
    /// Whether the command line is escaped already; Windows only.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub args_escaped: bool,
    /// How to see whether the program works; docker only.
    #[serde(default, skip_serializing)]
    pub healthcheck: Option<Healthcheck>,
    /// Seconds between stop signal and kill; docker only.
    #[serde(default, skip_serializing)]
    pub stop_timeout: Option<i64>,
    /// Shell of the image's build; docker only.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing)]
    pub shell: Vec<String>,
    /// Build steps for images on top of this one; docker only.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing)]
    pub on_build: Vec<String>,
}

/// An object without members; what it has is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// How to see whether a program works; times are in nanoseconds, 0 means docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", COMMAND]`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub test: Vec<String>,
    /// Time between two checks.
    #[serde(default, deserialize_with = "null_as_default")]
    pub interval: i64,
    /// Time for one check.
    #[serde(default, deserialize_with = "null_as_default")]
    pub timeout: i64,
    /// Time in which failures do not count.
    #[serde(default, deserialize_with = "null_as_default")]
    pub start_period: i64,
    /// Failures until the program counts as broken.
    #[serde(default, deserialize_with = "null_as_default")]
    pub retries: i64,
}

/// The layers of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The uncompressed layers, lowest first.
    pub diff_ids: Vec<DiffId>,
}

/// The layers of an image that was not unpacked yet: their number is known, their diff ids are
/// empty texts. Images of docker's schema 1 have no more without their layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRootfs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An empty text for each layer.
    pub diff_ids: Vec<String>,
}

/// What made a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When (RFC 3339), spelt as Go spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub created_by: String,
    /// By whom.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub author: String,
    /// Free text.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub comment: String,
    /// Whether no layer belongs to this entry.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub empty_layer: bool,
}

const TOP_MEMBERS: &[&str] = &[
    "created",
    "author",
    "architecture",
    "variant",
    "os",
    "os.version",
    "os.features",
    "config",
    "rootfs",
    "history",
    "docker_version",
];
const RUN_MEMBERS: &[&str] = &[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "StopTimeout",
    "Shell",
    "OnBuild",
];

impl ImageConfig {
    /// Reads an image configuration.
    ///
    /// # Errors
    /// See the module's documentation for what is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let parsed: Parsed = read(bytes)?;
        if parsed.rootfs.kind != "layers" {
            return Err(ConfigError::RootfsType(
                parsed.rootfs.kind.chars().take(80).collect(),
            ));
        }
        let layers = parsed.rootfs.diff_ids.len();
        if layers > limits::LAYERS {
            return Err(ConfigError::TooManyLayers {
                actual: layers,
                limit: limits::LAYERS,
            });
        }
        Ok(Self {
            raw: bytes.to_vec(),
            parsed,
        })
    }
}

impl ImageConfig<OpenRootfs> {
    /// Reads a configuration made here, with empty texts for diff ids.
    pub(crate) fn parse_open(bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let parsed = read(&bytes)?;
        Ok(Self { raw: bytes, parsed })
    }
}

impl<R> ImageConfig<R> {
    /// Returns the bytes as they were.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl<R: Serialize> ImageConfig<R> {
    /// Writes the configuration as `skopeo inspect --config` prints it: the members of the
    /// image-spec alone, in the order of its Go structs, indented by four blanks, without a line
    /// end.
    #[expect(
        clippy::expect_used,
        reason = "the members are structs and maps with texts as keys, which JSON can express"
    )]
    pub fn to_oci_json(&self) -> Vec<u8> {
        json::to_go_pretty(&self.parsed, "    ").expect("configurations are expressible in JSON")
    }

    /// Writes the configuration compactly as containers/image does when it turns docker's into
    /// OCI's.
    #[expect(
        clippy::expect_used,
        reason = "the members are structs and maps with texts as keys, which JSON can express"
    )]
    pub fn to_oci_bytes(&self) -> Vec<u8> {
        json::to_go_bytes(&self.parsed).expect("configurations are expressible in JSON")
    }
}

impl<R> std::ops::Deref for ImageConfig<R> {
    type Target = Parsed<R>;

    fn deref(&self) -> &Parsed<R> {
        &self.parsed
    }
}

fn read<R: DeserializeOwned>(bytes: &[u8]) -> Result<Parsed<R>, ConfigError> {
    let value = json::parse(bytes, limits::CONFIG_BYTES)?;
    if let Value::Object(members) = &value {
        check_case(members, TOP_MEMBERS)?;
        if let Some(Value::Object(run)) = members.get("config") {
            check_case(run, RUN_MEMBERS)?;
        }
    }
    let mut parsed: Parsed<R> = serde_json::from_value(value).map_err(ConfigError::Shape)?;
    normalise_time(&mut parsed.created, || "created".to_owned())?;
    for (place, entry) in parsed.history.iter_mut().enumerate() {
        normalise_time(&mut entry.created, || format!("history[{place}].created"))?;
    }
    Ok(parsed)
}

fn check_case(
    members: &Map<String, Value>,
    known: &'static [&'static str],
) -> Result<(), ConfigError> {
    match json::misspelt(members, known.iter().copied()) {
        None => Ok(()),
        Some((found, want)) => Err(ConfigError::MemberCase {
            found: found.to_owned(),
            want,
        }),
    }
}

/// Checks a time and spells it as Go's `time.RFC3339Nano` does.
fn normalise_time(
    time: &mut Option<String>,
    member: impl Fn() -> String,
) -> Result<(), ConfigError> {
    if let Some(text) = time {
        *time = Some(go_time(text).ok_or_else(|| ConfigError::Time {
            member: member(),
            text: text.chars().take(80).collect(),
        })?);
    }
    Ok(())
}

pub(crate) fn go_time(text: &str) -> Option<String> {
    // The parser accepts more than RFC 3339 (blanks for the T, lower case), so the frame is checked.
    let frame = text.as_bytes().get(..19)?;
    let pattern = b"dddd-dd-ddTdd:dd:dd";
    let fits = frame.iter().zip(pattern).all(|(b, p)| match p {
        b'd' => b.is_ascii_digit(),
        _ => b == p,
    });
    if !fits || text.parse::<jiff::Timestamp>().is_err() {
        return None;
    }
    let (seconds, rest) = text.split_at_checked(19)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => match rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?) {
            ("", _) => return None,
            parts => parts,
        },
        None => ("", rest),
    };
    let zone_fits = zone == "Z"
        || (zone.len() == 6
            && zone.starts_with(['+', '-'])
            && zone.bytes().enumerate().skip(1).all(|(i, b)| {
                if i == 3 {
                    b == b':'
                } else {
                    b.is_ascii_digit()
                }
            }));
    if !zone_fits {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(9)];
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let zone = if matches!(zone, "+00:00" | "-00:00") {
        "Z"
    } else {
        zone
    };
    Some(format!("{seconds}{dot}{fraction}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF_ID: &str = "sha256:818e7d07dfb3e9942df1d48efe256bec542b4930bb570bdf8768f316da809298";

    fn with(members: &str) -> Result<ImageConfig, ConfigError> {
        let text =
            format!("{{{members}\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"{DIFF_ID}\"]}}}}");
        ImageConfig::parse(text.as_bytes())
    }

    #[test]
    fn members_are_read_and_null_is_absent() {
        let config = with(
            r#""config":{"User":"u","Cmd":null,"Env":["A=b"],"Volumes":{"/v":{}},"Labels":null,
            "Healthcheck":{"Test":["NONE"]}},"history":null,"os":"linux","created":null,"x":[1],"#,
        )
        .unwrap();
        assert_eq!(config.config.user, "u");
        assert_eq!(config.config.env, ["A=b"]);
        assert!(config.config.cmd.is_empty() && config.config.labels.is_empty());
        assert!(config.config.volumes.contains_key("/v"));
        assert_eq!(config.config.healthcheck.as_ref().unwrap().test, ["NONE"]);
        assert_eq!(config.rootfs.diff_ids[0].to_string(), DIFF_ID);
        assert_eq!(
            (config.os.as_str(), config.created.as_deref()),
            ("linux", None)
        );
        assert!(config.raw().ends_with(b"]}}"));
    }

    #[test]
    fn what_readers_read_differently_is_refused() {
        type Expected = fn(&ConfigError) -> bool;
        let table: &[(&str, Expected)] = &[
            (r#""os":"a","os":"b","#, |e| {
                matches!(e, ConfigError::Json(_))
            }),
            (r#""OS":"a","os":"b","#, |e| {
                matches!(e, ConfigError::Json(_))
            }),
            (r#""Config":{"User":"root"},"#, |e| {
                matches!(e, ConfigError::MemberCase { .. })
            }),
            (r#""config":{"user":"u"},"#, |e| {
                matches!(e, ConfigError::MemberCase { .. })
            }),
            (r#""config":{"U\u017fer":"u"},"#, |e| {
                matches!(e, ConfigError::MemberCase { .. })
            }),
            (r#""config":{"Env":"A=b"},"#, |e| {
                matches!(e, ConfigError::Shape(_))
            }),
            (r#""created":"yesterday","#, |e| {
                matches!(e, ConfigError::Time { .. })
            }),
            (r#""history":[{"created":"2020"}],"#, |e| {
                matches!(e, ConfigError::Time { .. })
            }),
        ];
        for (members, expected) in table {
            let error = with(members).unwrap_err();
            assert!(expected(&error), "{members}: {error:?}");
        }
        let rootfs = |rootfs: &str| ImageConfig::parse(format!("{{{rootfs}}}").as_bytes());
        for text in [
            "",
            r#""rootfs":null"#,
            r#""rootfs":{"type":"layers"}"#,
            r#""rootfs":{"type":"layers","diff_ids":null}"#,
            r#""rootfs":{"type":"other","diff_ids":[]}"#,
            r#""rootfs":{"type":"layers","diff_ids":["sha256:../../etc"]}"#,
            r#""rootfs":{"type":"layers","diff_ids":["md5:d41d8cd98f00b204e9800998ecf8427e"]}"#,
        ] {
            assert!(rootfs(text).is_err(), "{text}");
        }
        let many = vec![format!("\"{DIFF_ID}\""); limits::LAYERS + 1].join(",");
        let error = rootfs(&format!(
            r#""rootfs":{{"type":"layers","diff_ids":[{many}]}}"#
        ));
        assert!(matches!(
            error,
            Err(ConfigError::TooManyLayers { actual: 1001, .. })
        ));
    }

    #[test]
    fn times_are_spelt_as_go_spells_them() {
        let table = [
            ("2020-01-01T00:00:00Z", Some("2020-01-01T00:00:00Z")),
            (
                "2020-01-01T00:00:00.120000000Z",
                Some("2020-01-01T00:00:00.12Z"),
            ),
            ("2020-01-01T00:00:00.000Z", Some("2020-01-01T00:00:00Z")),
            ("2020-01-01T00:00:00+00:00", Some("2020-01-01T00:00:00Z")),
            (
                "2020-01-01T00:00:00.5+02:00",
                Some("2020-01-01T00:00:00.5+02:00"),
            ),
            ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
            ("2020-01-01 00:00:00Z", None),
            ("2020-01-01t00:00:00z", None),
            ("2020-01-01T00:00:00", None),
            ("2020-02-30T00:00:00Z", None),
            ("2020-01-01T00:00:00.Z", None),
            ("2020-01-01T00:00:00+2", None),
            ("", None),
        ];
        for (text, want) in table {
            assert_eq!(go_time(text).as_deref(), want, "{text}");
        }
    }
}
