//! Sparse files, good and bad.

use std::io::Read as _;

use archive::layer::{EntryKind, LayerLimits, LayerReader, Rule};
use archive::testing::TarBuilder;

use crate::{accept, each_is_refused, path, pax, start};

fn sparse(map: &[(u64, u64)], size: u64, data: &[u8]) -> TarBuilder {
    start().gnu_sparse("s", map, size, data)
}

#[test]
fn sparse_files_are_expanded() {
    let many: Vec<(u64, u64)> = (0..100).map(|at| (at * 1024, 512)).collect();
    let cases: &[(&[(u64, u64)], u64)] = &[
        (&[], 0),
        (&[], 4096),
        (&[(0, 512)], 512),
        (&[(0, 512), (4096, 1024)], 8192),
        (&[(1024, 512), (2048, 100)], 2148),
        (&[(0, 1), (3, 1), (5, 1)], 7),
        (&[(4096, 0)], 4096),
        (&many, 200_000),
    ];
    for (map, size) in cases {
        let stored: u64 = map.iter().map(|(_, length)| length).sum();
        let data: Vec<u8> = (0..stored).map(|at| (at % 251) as u8 + 1).collect();
        let mut want = vec![0; *size as usize];
        let mut from = 0;
        for &(offset, length) in *map {
            let (offset, length) = (offset as usize, length as usize);
            want[offset..offset + length].copy_from_slice(&data[from..from + length]);
            from += length;
        }
        for tar in [
            start().gnu_sparse("s", map, *size, &data),
            start().pax_sparse_0_0("s", map, *size, &data),
            start().pax_sparse_1_0("s", map, *size, &data),
            start().pax_sparse_0_1("s", map, *size, &data),
        ]
        .into_iter()
        // An empty record is none, so 0.1 cannot say "no fragments".
        .take(if map.is_empty() { 3 } else { 4 })
        {
            let tar = tar.file("after", b"z").end();
            let entries = accept(&tar);
            assert_eq!(entries[0].0.path, path("s"));
            assert_eq!(
                entries[0].0.kind,
                EntryKind::Sparse {
                    size: *size,
                    stored
                }
            );
            assert!(entries[0].1 == want, "{map:?}");
            assert_eq!(entries[1].1, b"z");

            let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
            layer.next_entry(&mut Vec::new()).unwrap();
            let mut content = Vec::new();
            layer.content().read_to_end(&mut content).unwrap();
            assert!(content == want, "{map:?}");
        }
    }
}

#[test]
fn bad_sparse_files_are_refused() {
    let too_many: Vec<(u64, u64)> = (0..4097).map(|at| (at * 1024, 0)).collect();
    each_is_refused(vec![
        (
            "sparse-overlap",
            sparse(&[(0, 512), (511, 1)], 512, &[1; 513]),
            Rule::SparseFragments,
        ),
        (
            "sparse-order",
            sparse(&[(512, 512), (0, 512)], 1024, &[1; 1024]),
            Rule::SparseFragments,
        ),
        (
            "sparse-past-end",
            sparse(&[(0, 512), (1024, 512)], 1500, &[1; 1024]),
            Rule::SparseFragments,
        ),
        (
            "sparse-less-data",
            sparse(&[(0, 512)], 1024, &[1; 511]),
            Rule::SparseFragments,
        ),
        (
            "sparse-more-data",
            sparse(&[(0, 512)], 1024, &[1; 513]),
            Rule::SparseFragments,
        ),
        (
            "sparse-too-many",
            sparse(&too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-0.0-too-many",
            start().pax_sparse_0_0("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-0.1-too-many",
            start().pax_sparse_0_1("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-1.0-too-many",
            start().pax_sparse_1_0("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-8eib",
            start().pax_sparse_1_0("s", &[], i64::MAX as u64, b""),
            Rule::FileBytes {
                size: i64::MAX as u64,
                limit: 16 << 30,
            },
        ),
        (
            "sparse-name-alone",
            pax(&[("GNU.sparse.name", b"a")]),
            Rule::SparseMap,
        ),
        (
            "sparse-odd-map",
            pax(&[
                ("GNU.sparse.map", b"1,2,3"),
                ("GNU.sparse.numblocks", b"1"),
                ("GNU.sparse.size", b"9"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-wrong-count",
            pax(&[
                ("GNU.sparse.map", b"0,0"),
                ("GNU.sparse.numblocks", b"2"),
                ("GNU.sparse.size", b"9"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-no-size",
            pax(&[("GNU.sparse.map", b"0,0"), ("GNU.sparse.numblocks", b"1")]),
            Rule::SparseMap,
        ),
        (
            "sparse-2.0",
            pax(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")]),
            Rule::SparseMap,
        ),
        (
            "sparse-1.0-no-map",
            pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", b"0"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-on-dir",
            start()
                .pax(&[
                    ("GNU.sparse.map", b"0,0"),
                    ("GNU.sparse.numblocks", b"1"),
                    ("GNU.sparse.size", b"9"),
                ])
                .dir("d/"),
            Rule::SparseMap,
        ),
    ]);
}
