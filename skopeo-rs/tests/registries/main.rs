//! Both programs beside real registries in all their surroundings: mirrors, certificates, places
//! for signatures.
//!
//! A test is skipped, saying so, where Debian's programs are not installed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test works with stops it at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;
mod daemon;
mod delete;
mod extension;
mod grammar;
mod inspect;
mod login;
mod mirrors;
mod platforms;
mod proxy;
mod referrers;
mod schema1;
mod signatures;
mod sigstore;
mod sync;
mod tls;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{OURS, THEIRS, World, text};
use oci::RawManifest;

/// The two programs, with names for messages.
const BOTH: [(&str, &str); 2] = [("theirs", THEIRS), ("ours", OURS)];

impl World {
    /// Writes one of the user's configuration files, which both programs read; `{D}` and `{R}`
    /// stand for what they stand for in arguments.
    fn configure(&self, name: &str, content: &str) {
        let path = self.path("home/.config/containers").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.fill(content)).unwrap();
    }

    /// Runs a program; it must succeed.
    fn ok(&self, program: &str, args: &[&str]) -> String {
        let output = self.run(program, args);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}: {said}");
        text(&output.stdout)
    }

    /// Copies an image into a new directory of that name.
    fn copy_to_dir(&self, program: &str, flags: &[&str], image: &str, name: &str) -> Output {
        let to = format!("dir:{{D}}/{name}");
        let _ = fs::remove_dir_all(self.path(name));
        self.run(program, &[&["copy", "-q"], flags, &[image, &to]].concat())
    }

    /// The digest of the manifest of an image in a directory; none when there is no image.
    fn digest_of(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.path(name).join("manifest.json")).ok()?;
        Some(
            RawManifest::parse(bytes, None)
                .unwrap()
                .digest()
                .to_string(),
        )
    }
}

fn is_installed(programs: &[&str]) -> bool {
    for program in programs {
        if !Path::new(program).exists() {
            println!("skipped: {program} is not installed");
            return false;
        }
    }
    true
}
