//! What the tests across the programs share: the built programs, real peers, images made by hand,
//! and an independent look at what came out.
//!
//! | module | owns |
//! | --- | --- |
//! | [`programs`] | finding and running our programs and the originals |
//! | [`registry`] | a real registry (Debian's `docker-registry`) on a free loopback port |
//! | [`layout`] | OCI layouts made of layers, good or not |
//! | [`tarball`] | tar archives, also those that no writer makes |
//! | [`walk`] | the tree below a directory as lstat, xattrs and bytes show it |
//! | [`disk`] | small file systems on a loop device, made for one test |
//! | [`tap`] | a wire tap before a registry: counts, and spoils chosen answers |
//! | [`faults`] | killing and failing at a chosen system call; power cuts |
//!
//! A test that needs root or a feature of the kernel calls [`need`] first: where that is missing, it
//! prints why and passes.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this crate is tests: a panic is how they fail, and stderr is where they say why they skip"
)]

pub mod disk;
pub mod faults;
pub mod layout;
pub mod programs;
pub mod registry;
pub mod tap;
pub mod tarball;
pub mod walk;

/// What a test may need of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The effective user is root.
    Root,
    /// File-backed erofs and overlay data-only layers: what the composefs driver mounts with.
    Composefs,
    /// The images that `tests/images/debian.sh` makes (`$TEST_IMAGES`).
    DebianImages,
}

/// Tells whether all of `needs` are there; prints the first that is not.
pub fn need(needs: &[Need]) -> bool {
    for need in needs {
        let missing = match need {
            Need::Root => (!is_root()).then_some("root"),
            Need::Composefs => {
                (!is_root() || !has_file_system("erofs") || !has_file_system("overlay"))
                    .then_some("a kernel with erofs and overlay, and root")
            }
            Need::DebianImages => std::env::var_os("TEST_IMAGES")
                .is_none()
                .then_some("$TEST_IMAGES (make test sets it)"),
        };
        if let Some(missing) = missing {
            eprintln!("skipped: needs {missing}");
            return false;
        }
    }
    true
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

fn has_file_system(name: &str) -> bool {
    std::fs::read_to_string("/proc/filesystems")
        .unwrap_or_default()
        .lines()
        .any(|line| line.split_whitespace().last() == Some(name))
}
