//! The configuration of docker's first image format, in the order of containers/image's Go
//! structs. Images of docker before 1.8.3 lack members that later readers want, so their
//! configuration is written anew from these.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::image_config::Empty;
use crate::json::{self, JsonError, RawObject};
use crate::platform::null_as_default;

/// The first version of docker whose configurations are taken as they are.
const COMPLETE_SINCE: &str = "1.8.3";

#[derive(Serialize, Deserialize)]
pub(super) struct V1Image {
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    id: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    parent: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    comment: String,
    #[serde(default)]
    created: Option<String>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    container: String,
    #[serde(default, deserialize_with = "null_as_default")]
    container_config: V1Config,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    docker_version: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    author: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<V1Config>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    architecture: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    variant: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    os: String,
    #[serde(
        rename = "Size",
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_zero"
    )]
    size: i64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct V1Config {
    #[serde(default, deserialize_with = "null_as_default")]
    hostname: String,
    #[serde(default, deserialize_with = "null_as_default")]
    domainname: String,
    #[serde(default, deserialize_with = "null_as_default")]
    user: String,
    #[serde(default, deserialize_with = "null_as_default")]
    attach_stdin: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    attach_stdout: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    attach_stderr: bool,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    exposed_ports: BTreeMap<String, Empty>,
    #[serde(default, deserialize_with = "null_as_default")]
    tty: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    open_stdin: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    stdin_once: bool,
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default, deserialize_with = "words")]
    cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    healthcheck: Option<V1Healthcheck>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    args_escaped: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    image: String,
    #[serde(default)]
    volumes: Option<BTreeMap<String, Empty>>,
    #[serde(default, deserialize_with = "null_as_default")]
    working_dir: String,
    #[serde(default, deserialize_with = "words")]
    entrypoint: Option<Vec<String>>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    network_disabled: bool,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    mac_address: String,
    #[serde(default)]
    on_build: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    stop_signal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_timeout: Option<i64>,
    #[serde(default, deserialize_with = "words", skip_serializing_if = "is_empty")]
    shell: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct V1Healthcheck {
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    test: Vec<String>,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_zero"
    )]
    start_period: i64,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_zero"
    )]
    interval: i64,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_zero"
    )]
    timeout: i64,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_zero"
    )]
    retries: i64,
}

impl V1Image {
    /// Tells whether docker was too old for the configuration to be taken as it is.
    pub(super) fn is_written_anew(&self) -> bool {
        !self.docker_version.is_empty() && is_older(&self.docker_version, COMPLETE_SINCE)
    }

    /// Sets the time, which is always written.
    pub(super) fn with_time(mut self, created: &str) -> Self {
        self.created = Some(created.to_owned());
        self
    }

    pub(super) fn to_object(&self) -> Result<RawObject, JsonError> {
        RawObject::parse(&json::to_go_bytes(self).map_err(JsonError::Shape)?)
    }
}

/// Compares versions as docker does: number by number, what is no number being 0.
fn is_older(version: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<i64> {
        let mut numbers: Vec<i64> = text.split('.').map(|n| n.parse().unwrap_or(0)).collect();
        // Trailing zeros say nothing: 1.8 is 1.8.0.
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    };
    numbers(version) < numbers(than)
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_empty(words: &Option<Vec<String>>) -> bool {
    words.as_ref().is_none_or(Vec::is_empty)
}

/// Reads a command line, which old versions of docker wrote as one text.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(
        Option::<Words>::deserialize(deserializer)?.map(|words| match words {
            Words::Many(words) => words,
            Words::One(word) => vec![word],
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, older) in [
            ("1.8.2", true),
            ("1.8.3", false),
            ("1.10.0", false),
            ("1.8", true),
            ("1", true),
            ("2", false),
            ("20.10.1", false),
            ("1.8.3-rc1", true),
            ("x", true),
        ] {
            assert_eq!(is_older(version, COMPLETE_SINCE), older, "{version}");
        }
    }
}
