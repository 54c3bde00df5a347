//! The original on the other side of the tests; each test fails, rather than passes, where it is not
//! installed.

use std::process::Command;

pub(crate) fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .output()
        .expect("skopeo is installed");
    assert!(
        output.status.success(),
        "skopeo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Undoes what image-spec 1.1 changed about the order of a configuration's members, and skopeo with
/// it since 1.14: the variant came right behind the architecture, we leave it there.
pub(crate) fn with_variant_where_it_was(config: Vec<u8>) -> String {
    let mut config = String::from_utf8(config).unwrap();
    // A member of text with its comma, and the space up to the next one.
    let member = |config: &str, name: &str| {
        let start = config.find(&format!("\"{name}\":"))?;
        let comma = start + config[start..].find("\",")? + 2;
        let space = config[comma..].find('"')?;
        Some(start..comma + space)
    };
    if let Some(variant) = member(&config, "variant") {
        let text: String = config.drain(variant).collect();
        let architecture = member(&config, "architecture").unwrap();
        config.insert_str(architecture.end, &text);
    }
    config
}
