//! Split streams against composefs's own reader and writer, and its repository on our store.

use std::{io::Read, sync::Arc};

use archive::testing::TarBuilder;
use composefs::{
    fsverity::Sha256HashValue, repository::Repository, splitstream::SplitStreamReader,
};
use oci::DiffId;

use super::kit::{content, image_of, pull, rich_layer, store};
use crate::splitstream::{StreamReader, TAR_LAYER_CONTENT_TYPE};

fn tars() -> Vec<Vec<u8>> {
    vec![
        rich_layer(),
        TarBuilder::new().end(),
        TarBuilder::new()
            .file("only", &content(9, 65))
            .file("small", &content(8, 64))
            .end(),
        TarBuilder::new()
            .gnu_sparse(
                "sparse",
                &[(0, 100), (3_000_000, 200)],
                4_000_000,
                &content(5, 300),
            )
            .file("after", &content(6, 70))
            .end(),
    ]
}

#[test]
fn a_layer_comes_back_bit_for_bit() {
    let (_dir, store) = store();
    let tars = tars();
    let image = image_of(&tars);
    pull(&store, &image, "a").unwrap();
    for (wanted, tar) in image.wanted.iter().zip(&tars) {
        let mut back = Vec::new();
        let mut reader = store.layer_tar(&wanted.diff_id).unwrap();
        assert_eq!(reader.tar_bytes(), tar.len() as u64);
        reader.read_to_end(&mut back).unwrap();
        assert!(back == *tar, "{}", wanted.diff_id);
    }
}

#[test]
fn composefs_reads_ours() {
    let (_dir, store) = store();
    let tars = tars();
    let image = image_of(&tars);
    pull(&store, &image, "a").unwrap();
    let repository =
        Repository::<Sha256HashValue>::open_path(rustix::fs::CWD, store.root()).unwrap();
    for (wanted, tar) in image.wanted.iter().zip(&tars) {
        let id = store.layer(&wanted.diff_id).unwrap().unwrap().stream;
        let named = repository
            .has_stream(&format!("oci-layer-{}", wanted.diff_id))
            .unwrap();
        assert_eq!(named, Some(id.to_composefs()));
        let file = store.objects().open(&id).unwrap();
        let mut reader =
            SplitStreamReader::<Sha256HashValue>::new(file, Some(TAR_LAYER_CONTENT_TYPE)).unwrap();
        assert_eq!(reader.total_size, tar.len() as u64);
        let mut back = Vec::new();
        reader.cat(&repository, &mut back).unwrap();
        assert!(back == *tar, "{}", wanted.diff_id);
    }
}

#[test]
fn we_read_composefs() {
    let (_dir, store) = store();
    let repository =
        Arc::new(Repository::<Sha256HashValue>::open_path(rustix::fs::CWD, store.root()).unwrap());
    let mut writer = repository.create_stream(TAR_LAYER_CONTENT_TYPE).unwrap();
    let parts = [
        content(1, 512),
        content(2, 5000),
        content(3, 120),
        content(2, 5000),
    ];
    for (place, part) in parts.iter().enumerate() {
        if place % 2 == 0 {
            writer.write_inline(part);
        } else {
            writer.write_external(part).unwrap();
        }
    }
    let id = writer.done().unwrap();
    let id = crate::ObjectId::from_composefs(&id);
    let stream = StreamReader::open(&store.objects(), &id).unwrap();
    assert_eq!(stream.refs().len(), 1);
    let mut back = Vec::new();
    crate::splitstream::TarReader::open(store.objects(), &id)
        .unwrap()
        .read_to_end(&mut back)
        .unwrap();
    assert_eq!(back, parts.concat());
}

#[test]
fn composefs_checks_our_store() {
    let (_dir, store) = store();
    pull(&store, &image_of(&tars()), "a").unwrap();
    let repository =
        Repository::<Sha256HashValue>::open_path(rustix::fs::CWD, store.root()).unwrap();
    // Its own collection finds nothing to take: every layer and tree has a ref.
    let result = repository.gc_dry_run(&[]).unwrap();
    assert_eq!(result.objects_removed, 0, "{result:?}");
    assert!(repository.list_stream_refs("storetool").unwrap().len() >= 3);
}

#[test]
fn a_stream_that_lies_is_refused() {
    let (_dir, store) = store();
    let image = image_of(&[TarBuilder::new().file("f", &content(1, 500)).end()]);
    pull(&store, &image, "a").unwrap();
    let diff_id: &DiffId = &image.wanted[0].diff_id;
    let id = store.layer(diff_id).unwrap().unwrap().stream;
    let good = std::fs::read(store.layout().object(&id)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let read = |bytes: &[u8]| -> crate::Result<()> {
        std::fs::write(&path, bytes).unwrap();
        let mut reader = StreamReader::new(std::fs::File::open(&path).unwrap(), id)?;
        while reader.next_piece()?.is_some() {}
        Ok(())
    };
    read(&good).unwrap();
    for cut in [0, 10, 31, 40, 111, 120, good.len() - 1] {
        read(&good[..cut]).unwrap_err();
    }
    // Magic, version, algorithm, block size; info, refs and stream ranges.
    for place in [0, 11, 14, 15, 23, 31, 56, 63, 72, 79] {
        let mut bad = good.clone();
        bad[place] ^= 0x55;
        read(&bad).unwrap_err();
    }
}
