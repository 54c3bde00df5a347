//! What an image says of itself, as annotations (image-spec, conversion.md, "Annotation Fields").
//!
//! Runtimes act on annotations: `org.systemd.property.*` sets properties of a unit,
//! `run.oci.*` switches handlers, others start programs on the host. An image may not reach them
//! through its labels (CVE-2024-3154 and its kin), so of the labels only those that describe the
//! image, `org.opencontainers.image.*`, become annotations unless the caller trusts the image.
//! What is left out is said, as the specification asks.

use std::collections::BTreeMap;

use oci::ImageConfig;

/// The prefix of keys that describe an image and that no runtime acts on.
const IMAGE_PREFIX: &str = "org.opencontainers.image.";

/// Prefixes of keys that some runtime, engine or hook acts on.
const ACTING_PREFIXES: [&str; 11] = [
    "cdi.k8s.io",
    "com.docker.",
    "com.github.containers.",
    "io.containers.",
    "io.katacontainers.",
    "io.kubernetes.",
    "io.podman.",
    "module.wasm.image",
    "org.criu.",
    "org.systemd.property.",
    "run.oci.",
];

/// Which labels of the image become annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelPolicy {
    /// None.
    None,
    /// Those that describe the image: `org.opencontainers.image.*`.
    #[default]
    Image,
    /// All but those that runtimes are known to act on.
    All,
}

/// The annotations of an image, and the labels that are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageAnnotations {
    /// What to write.
    pub annotations: BTreeMap<String, String>,
    /// Keys that were left out, sorted.
    pub withheld: Vec<String>,
}

/// Returns the annotations of `image`.
///
/// Texts with control characters are left out: an annotation ends up in unit files and logs.
pub fn from_image(image: &ImageConfig, policy: LabelPolicy) -> ImageAnnotations {
    let mut out = ImageAnnotations::default();
    let ports: Vec<&str> = image
        .config
        .exposed_ports
        .keys()
        .map(String::as_str)
        .collect();
    let implicit = [
        ("os", image.os.clone()),
        ("architecture", image.architecture.clone()),
        ("variant", image.variant.clone()),
        ("os.version", image.os_version.clone()),
        ("os.features", image.os_features.join(",")),
        ("author", image.author.clone()),
        ("created", image.created.clone().unwrap_or_default()),
        ("stopSignal", image.config.stop_signal.clone()),
        ("exposedPorts", ports.join(",")),
    ];
    for (name, value) in implicit {
        if !value.is_empty() {
            out.add(format!("{IMAGE_PREFIX}{name}"), value);
        }
    }
    for (key, value) in &image.config.labels {
        let acting = ACTING_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        let wanted = match policy {
            LabelPolicy::None => false,
            LabelPolicy::Image => key.starts_with(IMAGE_PREFIX),
            LabelPolicy::All => !acting && !key.is_empty(),
        };
        if wanted {
            out.add(key.clone(), value.clone());
        } else {
            out.withheld.push(key.clone());
        }
    }
    out.withheld.sort();
    out
}

impl ImageAnnotations {
    fn add(&mut self, key: String, value: String) {
        if key.chars().chain(value.chars()).any(char::is_control) {
            self.withheld.push(key);
        } else {
            self.annotations.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(labels: &str) -> ImageConfig {
        let text = format!(
            r#"{{"os":"linux","architecture":"amd64","author":"me\nyou","created":"2020-01-02T03:04:05Z",
            "config":{{"ExposedPorts":{{"80/tcp":{{}},"53/udp":{{}}}},"StopSignal":"SIGINT","Labels":{labels}}},
            "rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        ImageConfig::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn labels_do_not_become_host_policy() {
        let labels = r#"{"a.b":"c","org.opencontainers.image.title":"T","org.opencontainers.image.os":"mine",
            "org.systemd.property.ExecStartPre":"'/bin/evil'","run.oci.handler":"krun","x\ny":"1","z":"a\u0007"}"#;
        let base = [
            ("org.opencontainers.image.architecture", "amd64"),
            ("org.opencontainers.image.created", "2020-01-02T03:04:05Z"),
            ("org.opencontainers.image.exposedPorts", "53/udp,80/tcp"),
            ("org.opencontainers.image.stopSignal", "SIGINT"),
        ];
        for (policy, more) in [
            (
                LabelPolicy::None,
                vec![("org.opencontainers.image.os", "linux")],
            ),
            (
                LabelPolicy::Image,
                vec![
                    ("org.opencontainers.image.os", "mine"),
                    ("org.opencontainers.image.title", "T"),
                ],
            ),
            (
                LabelPolicy::All,
                vec![
                    ("org.opencontainers.image.os", "mine"),
                    ("org.opencontainers.image.title", "T"),
                    ("a.b", "c"),
                ],
            ),
        ] {
            let want: BTreeMap<String, String> = base
                .iter()
                .chain(&more)
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect();
            let got = from_image(&image(labels), policy);
            assert_eq!(got.annotations, want, "{policy:?}");
            assert!(
                got.withheld
                    .contains(&"org.opencontainers.image.author".to_owned())
            );
            assert!(got.withheld.contains(&"run.oci.handler".to_owned()));
            assert!(got.withheld.contains(&"x\ny".to_owned()), "{policy:?}");
        }
    }
}
