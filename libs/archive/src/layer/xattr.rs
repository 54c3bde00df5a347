//! Which extended attributes of a layer are kept.
//!
//! | attribute | on | |
//! | --- | --- | --- |
//! | `user.*` | files, directories, hard links | kept |
//! | `security.capability` | files, hard links | kept; refused where Linux would not set it |
//! | `user.overlay.*`, `trusted.*` | | dropped: overlayfs would act on them |
//! | `security.selinux`, `.ima`, `.evm`, `system.*`, all others | | dropped: they are the host's policy |
//!
//! Linux has no `user.*` on links, devices and fifos, so those are dropped too: an image has one
//! tree, whatever the store's driver.

use super::entry::EntryKind;
use crate::member::{Rule, shown};

/// Longest name (Linux's `XATTR_NAME_MAX`), in bytes.
pub const NAME_BYTES: usize = 255;
/// Longest value (Linux's `XATTR_SIZE_MAX`), in bytes.
pub const VALUE_BYTES: usize = 65_536;
/// Most attributes of one entry that are kept.
pub const COUNT: usize = 256;
/// Most bytes of one entry's attributes that are kept, names and values.
pub const TOTAL_BYTES: usize = 128 << 10;

/// The one flag of a `security.capability` (Linux's `VFS_CAP_FLAGS_EFFECTIVE`).
const CAPABILITY_EFFECTIVE: u32 = 1;

/// Attributes to set, then names of those that were dropped.
type Sorted = (Vec<(Vec<u8>, Vec<u8>)>, Vec<Vec<u8>>);

fn kept(name: &[u8], kind: &EntryKind) -> bool {
    let file = matches!(
        kind,
        EntryKind::Regular { .. } | EntryKind::Sparse { .. } | EntryKind::Hardlink { .. }
    );
    if name == b"security.capability" {
        return file;
    }
    name.starts_with(b"user.")
        && !name.starts_with(b"user.overlay.")
        && (file || *kind == EntryKind::Directory)
}

/// Whether Linux takes a value of `security.capability`: revision 2, or 3 with a root that is a user.
fn is_capability(value: &[u8]) -> bool {
    let Some((magic, rest)) = value.split_first_chunk::<4>() else {
        return false;
    };
    let revision = u32::from_le_bytes(*magic) & !CAPABILITY_EFFECTIVE;
    match rest.len() {
        16 => revision == 0x0200_0000,
        20 => revision == 0x0300_0000 && !rest.ends_with(&[0xff; 4]),
        _ => false,
    }
}

/// Sorts what is kept from what is dropped.
pub(super) fn sort(mut found: Vec<(Vec<u8>, Vec<u8>)>, kind: &EntryKind) -> Result<Sorted, Rule> {
    if found.is_empty() {
        return Ok((found, Vec::new()));
    }
    // One attribute in both of libarchive's forms is one attribute.
    found.sort();
    found.dedup();
    let mut total = 0;
    let mut keep: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut dropped: Vec<Vec<u8>> = Vec::new();
    for (name, value) in found {
        if !kept(&name, kind) {
            if dropped.last() != Some(&name) {
                dropped.push(name);
            }
            continue;
        }
        total += name.len() + value.len();
        if name == b"user."
            || name.contains(&0)
            || name.len() > NAME_BYTES
            || value.len() > VALUE_BYTES
            || (name == b"security.capability" && !is_capability(&value))
            || keep.last().is_some_and(|(last, _)| *last == name)
        {
            return Err(Rule::Xattr { name: shown(&name) });
        }
        keep.push((name, value));
        if keep.len() > COUNT {
            return Err(Rule::XattrCount { limit: COUNT });
        }
        if total > TOTAL_BYTES {
            return Err(Rule::XattrBytes { limit: TOTAL_BYTES });
        }
    }
    Ok((keep, dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: EntryKind = EntryKind::Regular { size: 0 };

    fn capability(magic: u32, rest: usize) -> Vec<u8> {
        [&magic.to_le_bytes()[..], &vec![0; rest]].concat()
    }

    fn names(list: &[&str]) -> Vec<(Vec<u8>, Vec<u8>)> {
        list.iter()
            .map(|name| {
                let value = match *name {
                    "security.capability" => capability(0x0200_0001, 16),
                    _ => b"v".to_vec(),
                };
                (name.as_bytes().to_vec(), value)
            })
            .collect()
    }

    #[test]
    fn only_what_the_image_may_say_is_kept() {
        let all = names(&[
            "user.a",
            "user.overlay.opaque",
            "user.overlayish",
            "trusted.overlay.redirect",
            "security.capability",
            "security.selinux",
            "security.ima",
            "system.posix_acl_access",
            "x",
        ]);
        for (kind, want) in [
            (
                FILE,
                names(&["security.capability", "user.a", "user.overlayish"]),
            ),
            (EntryKind::Directory, names(&["user.a", "user.overlayish"])),
            (
                EntryKind::Symlink {
                    target: b"t".to_vec(),
                },
                vec![],
            ),
            (EntryKind::Fifo, vec![]),
        ] {
            let (keep, dropped) = sort(all.clone(), &kind).unwrap();
            assert_eq!(keep, want);
            assert_eq!(keep.len() + dropped.len(), all.len());
        }
    }

    #[test]
    fn capabilities_are_what_linux_sets() {
        let nobodys = [capability(0x0300_0000, 16), vec![0xff; 4]].concat();
        for (value, good) in [
            (capability(0x0200_0000, 16), true),
            (capability(0x0200_0001, 16), true),
            (capability(0x0300_0001, 20), true),
            (capability(0x0100_0000, 8), false),
            (capability(0x0200_0000, 20), false),
            (capability(0x0300_0000, 16), false),
            (capability(0x0200_0002, 16), false),
            (nobodys, false),
            (b"junk".to_vec(), false),
            (b"v".to_vec(), false),
            (vec![], false),
        ] {
            let found = vec![(b"security.capability".to_vec(), value.clone())];
            assert_eq!(sort(found, &FILE).is_ok(), good, "{value:x?}");
        }
        let junk = vec![(b"security.capability".to_vec(), b"v".to_vec())];
        assert!(sort(junk, &EntryKind::Directory).unwrap().0.is_empty());
    }

    #[test]
    fn limits() {
        let one = |name: &[u8], bytes| vec![(name.to_vec(), vec![0; bytes])];
        assert!(sort(one(b"user.a", VALUE_BYTES), &FILE).is_ok());
        assert!(sort(one(b"user.a", VALUE_BYTES + 1), &FILE).is_err());
        assert!(sort(one(b"user.", 0), &FILE).is_err());
        assert!(sort(one(&[b"user.", &[b'x'; 250][..]].concat(), 0), &FILE).is_ok());
        assert!(sort(one(&[b"user.", &[b'x'; 251][..]].concat(), 0), &FILE).is_err());
        assert_eq!(
            sort(names(&["user.a", "user.a"]), &FILE).unwrap().0.len(),
            1
        );
        let twice = [one(b"user.a", 1), one(b"user.a", 2)].concat();
        assert!(sort(twice, &FILE).is_err());
        let many = |n| {
            (0..n)
                .map(|i| (format!("user.{i}").into_bytes(), vec![]))
                .collect()
        };
        assert!(sort(many(COUNT), &FILE).is_ok());
        assert_eq!(
            sort(many(COUNT + 1), &FILE),
            Err(Rule::XattrCount { limit: COUNT })
        );
        let large = [
            one(b"user.a", 65_000),
            one(b"user.b", 65_000),
            one(b"user.c", 65_000),
        ];
        assert_eq!(
            sort(large.concat(), &FILE),
            Err(Rule::XattrBytes { limit: TOTAL_BYTES })
        );
    }
}
