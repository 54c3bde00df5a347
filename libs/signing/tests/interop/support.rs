//! Files, processes and images that the tests share.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jiff::Timestamp;
use oci::RawManifest;

/// How many runs of skopeo go at once.
const WORKERS: usize = 4;

pub(crate) const CONFIG: &str = "{}";
pub(crate) const CONFIG_HEX: &str =
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

pub(crate) fn manifest_bytes() -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"sha256:{CONFIG_HEX}"}},"layers":[]}}"#
    )
    .into_bytes()
}

pub(crate) fn manifest() -> RawManifest {
    RawManifest::parse(manifest_bytes(), None).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the time that many days from now.
pub(crate) fn days(days: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + days * 86_400).unwrap()
}

/// Writes a `dir:` image with the signatures `stored`.
pub(crate) fn write_dir_image(path: &Path, stored: &[Vec<u8>]) {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    fs::write(path.join("manifest.json"), manifest_bytes()).unwrap();
    fs::write(path.join(CONFIG_HEX), CONFIG).unwrap();
    for (at, signature) in stored.iter().enumerate() {
        fs::write(path.join(format!("signature-{}", at + 1)), signature).unwrap();
    }
}

pub(crate) fn skopeo(home: &Path) -> Command {
    let mut command = Command::new("skopeo");
    command.env("HOME", home).env("TMPDIR", home);
    command
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `work` over `items` on a few threads and returns the results in order.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(at, item);
                    results.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// An input that one of both accepts.
pub(crate) struct Difference {
    pub(crate) name: String,
    /// Whether it is we who accept it.
    pub(crate) ours: bool,
    pub(crate) what: String,
}

/// Fails unless the differences are exactly those that docs/quirks/policy.md lists and explains
/// under the headings `{kind} that only we accept` and `{kind} that only we refuse`. Those that it
/// calls `newer` are there with an older skopeo and gone with a newer one, all of them.
pub(crate) fn assert_differences(kind: &str, differences: &[Difference]) {
    let mut wrong = Vec::new();
    let (mut newer_there, mut newer_gone) = (Vec::new(), Vec::new());
    for (ours, word) in [(true, "accept"), (false, "refuse")] {
        let known = listed(&format!("## {kind} that only we {word}"));
        let found: Vec<_> = differences
            .iter()
            .filter(|found| found.ours == ours)
            .collect();
        for (name, newer) in &known {
            match (found.iter().any(|found| found.name == *name), newer) {
                (true, true) => newer_there.push(name.clone()),
                (false, true) => newer_gone.push(name.clone()),
                (true, false) => {}
                (false, false) => wrong.push(format!("only we {word}, they say: {name}")),
            }
        }
        for found in found {
            if !known.iter().any(|(name, _)| *name == found.name) {
                wrong.push(format!("only we {word}: {}: {}", found.name, found.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        newer_there.is_empty() || newer_gone.is_empty(),
        "still newer: {newer_there:#?}, no longer: {newer_gone:#?}"
    );
}

/// Takes the names out of the table below a heading, and whether they are what only newer releases
/// of skopeo know: rows start with the name in backquotes.
fn listed(heading: &str) -> Vec<(String, bool)> {
    let quirks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/quirks/policy.md");
    let quirks = fs::read_to_string(quirks).unwrap();
    quirks
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, why)| (name.to_owned(), why.starts_with(" | newer")))
        .collect()
}
