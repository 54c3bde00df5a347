//! Streams against the programs that everybody else inflates with, and streams that lie.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panic"
)]

use std::io::{self, Cursor, Read, Write};
use std::process::{Command, Stdio};

use archive::compress::{CompressError, DecodeLimits, Decoder, Encoder, WINDOW_BYTES};
use oci::media_type::Compression;

/// Runs a filter; gives what it wrote and whether it was content.
fn filter(program: &str, args: &[&str], input: &[u8]) -> (Vec<u8>, bool) {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let mut output = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut output)
        .unwrap();
    writer.join().unwrap();
    (output, child.wait().unwrap().success())
}

fn inflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decoder::detecting(bytes, DecodeLimits::default())?.read_to_end(&mut out)?;
    Ok(out)
}

fn inflate_as(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decoder::new(bytes, compression, DecodeLimits::default())?.read_to_end(&mut out)?;
    Ok(out)
}

fn deflate(bytes: &[u8], compression: Compression, level: Option<i32>, threads: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), compression, level, threads).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn fault(result: io::Result<Vec<u8>>) -> CompressError {
    let error = result.unwrap_err();
    CompressError::of(&error)
        .unwrap_or_else(|| panic!("{error}"))
        .clone()
}

/// Text that compresses, noise that does not, zeros; longer than several blocks.
fn sample() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut bytes: Vec<u8> = (0..20_000)
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .collect();
    bytes.extend((0..700_000).map(|_| noise()));
    bytes.resize(bytes.len() + 900_000, 0);
    bytes
}

const PROGRAMS: &[(&str, Compression)] = &[
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
    ("bzip2", Compression::Bzip2),
    ("xz", Compression::Xz),
];

#[test]
fn what_the_programs_write_is_read() {
    let sample = sample();
    for input in [&b""[..], b"x", &sample] {
        for (program, compression) in PROGRAMS {
            let (bytes, ok) = filter(program, &["-c"], input);
            assert!(ok);
            let decoder = Decoder::detecting(&bytes[..], DecodeLimits::default()).unwrap();
            assert_eq!(decoder.compression(), *compression, "{program}");
            assert!(inflate(&bytes).unwrap() == input, "{program}");
            // Twice the stream is the content twice, to the program and to us.
            let twice = [&bytes[..], &bytes[..]].concat();
            let (theirs, ok) = filter(program, &["-dc"], &twice);
            assert!(ok && inflate(&twice).unwrap() == theirs, "{program} twice");
        }
        assert!(inflate(input).unwrap() == input);
    }
}

#[test]
fn what_is_written_the_programs_read() {
    let sample = sample();
    for input in [&b""[..], b"x", &sample[..256 << 10], &sample] {
        for (program, compression, levels) in [
            ("gzip", Compression::Gzip, [0, 1, 9]),
            ("zstd", Compression::Zstd, [1, 3, 19]),
        ] {
            for level in levels {
                let bytes = deflate(input, compression, Some(level), 2);
                let (theirs, ok) = filter(program, &["-dc"], &bytes);
                assert!(ok && theirs == input, "{program} -{level}");
                assert!(inflate(&bytes).unwrap() == input, "{program} -{level}");
            }
        }
    }
    assert_eq!(deflate(b"abc", Compression::None, None, 2), b"abc");
}

#[test]
fn bytes_depend_on_the_input_alone() {
    let sample = sample();
    // Machine code has matches that what a thread deflated before could change.
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = &program[..program.len().min(6 << 20)];
    for level in [1, 6] {
        let one = deflate(program, Compression::Gzip, Some(level), 1);
        for threads in [2, 3, 24] {
            assert!(
                deflate(program, Compression::Gzip, Some(level), threads) == one,
                "level {level}, {threads} threads"
            );
        }
    }
    for compression in [Compression::Gzip, Compression::Zstd] {
        let one = deflate(&sample, compression, None, 1);
        for threads in [0, 2, 5] {
            assert!(
                deflate(&sample, compression, None, threads) == one,
                "{threads} threads"
            );
        }
        let mut encoder = Encoder::new(Vec::new(), compression, None, 3).unwrap();
        for piece in sample.chunks(77_777) {
            encoder.write_all(piece).unwrap();
        }
        assert!(encoder.finish().unwrap() == one, "pieces");
    }
    // One member, and about as small as gzip's own.
    let ours = deflate(&sample, Compression::Gzip, Some(6), 2);
    let (theirs, _) = filter("gzip", &["-nc"], &sample);
    assert!(
        ours.len() < theirs.len() + theirs.len() / 50,
        "{} {}",
        ours.len(),
        theirs.len()
    );
}

#[test]
fn what_is_not_written() {
    for (compression, level) in [
        (Compression::Gzip, Some(10)),
        (Compression::Gzip, Some(-1)),
        (Compression::Zstd, Some(0)),
        (Compression::Zstd, Some(23)),
        (Compression::Bzip2, None),
        (Compression::Xz, None),
    ] {
        assert!(Encoder::new(Vec::new(), compression, level, 1).is_err());
    }
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let input = b"some text, some text, some more text".repeat(20);
    for (program, compression) in PROGRAMS {
        let (bytes, _) = filter(program, &["-c"], &input);
        for end in 0..bytes.len() {
            let result = inflate_as(&bytes[..end], *compression);
            assert!(result.is_err(), "{program} cut at {end} of {}", bytes.len());
        }
        assert!(inflate_as(&bytes, *compression).is_ok());
    }
}

#[test]
fn a_flipped_bit_is_never_other_content() {
    let input = b"some text, some text, some more text".repeat(20);
    for (program, compression) in PROGRAMS {
        let (bytes, _) = filter(program, &["-c"], &input);
        for at in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[at / 8] ^= 1 << (at % 8);
            if let Ok(content) = inflate_as(&bad, *compression) {
                assert!(content == input, "{program} bit {at}");
            }
        }
    }
}

#[test]
fn nothing_may_follow_the_stream() {
    for (program, compression) in PROGRAMS {
        let (bytes, _) = filter(program, &["-c"], b"x");
        for tail in [&b"\0"[..], b"garbage", b"Bad", b"\x1f\x8c", &[0; 10]] {
            let result = inflate_as(&[&bytes[..], tail].concat(), *compression);
            // xz pads its streams to four bytes with zeros by itself.
            assert!(result.is_err(), "{program} {tail:?}");
        }
    }
    let (bytes, _) = filter("gzip", &["-c"], b"x");
    let result = inflate_as(&[&bytes[..], b"\0"].concat(), Compression::Gzip);
    assert_eq!(fault(result), CompressError::Trailing { format: "gzip" });
}

#[test]
fn gzip_headers_are_read_to_the_byte() {
    let (plain, _) = filter("gzip", &["-nc"], b"content");
    let body = &plain[10..];
    let header =
        |flags: u8, rest: &[u8]| [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3][..], rest].concat();
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        (crc.sum() as u16).to_le_bytes()
    };
    let all = header(0b1_1110, b"\x03\0abcname\0comment\0");
    let with_crc = [&all[..], &crc(&all)].concat();
    let wrong_crc = [&all[..], b"\0\0"].concat();
    let endless = header(0b1000, &[b'x'; 70_000]);
    for (head, good) in [
        (header(0, b""), true),
        (header(1, b""), true),
        (header(0b1_1100, b"\x03\0abcname\0comment\0"), true),
        (with_crc, true),
        (wrong_crc, false),
        (endless, false),
        (header(0b10_0000, b""), false),
        (header(0x80, b""), false),
        ([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3].to_vec(), false),
    ] {
        let stream = [&head[..], body].concat();
        let (_, theirs) = filter("gzip", &["-dc"], &stream);
        let ours = inflate_as(&stream, Compression::Gzip);
        assert_eq!(ours.is_ok(), good, "{head:?} {ours:?}");
        assert!(theirs || !good, "gzip(1) refuses what we take: {head:?}");
    }
    let mut length = plain.clone();
    *length.last_mut().unwrap() = 1;
    assert!(matches!(
        fault(inflate(&length)),
        CompressError::Damaged { .. }
    ));
}

#[test]
fn zstd_frames() {
    let (frame, _) = filter("zstd", &["-c"], b"content");
    let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
    for (stream, want) in [
        ([skippable, &frame[..]].concat(), &b"content"[..]),
        ([&frame[..], skippable, &frame].concat(), b"contentcontent"),
        ([&frame[..], skippable].concat(), b"content"),
    ] {
        assert_eq!(inflate(&stream).unwrap(), want);
    }
    let short = [&frame[..], b"\x53\x2a\x4d\x18\x04\0\0\0abc"].concat();
    assert_eq!(
        fault(inflate(&short)),
        CompressError::Truncated { format: "zstd" }
    );

    // Magic, descriptor, window of 2 GiB, an empty last block.
    let window = b"\x28\xb5\x2f\xfd\x00\xa8\x01\0\0";
    let wanted = 1 << 31;
    let limit = WINDOW_BYTES;
    assert_eq!(
        fault(inflate(window)),
        CompressError::Memory {
            format: "zstd",
            wanted,
            limit
        }
    );
    let dictionary = b"\x28\xb5\x2f\xfd\x01\x00\x07\x01\0\0";
    assert_eq!(
        fault(inflate(dictionary)),
        CompressError::Dictionary { id: 7 }
    );
    // v0.7 of the format, which the library could be built to read.
    let old = inflate_as(b"\x27\xb5\x2f\xfd\0\0\0\0\0", Compression::Zstd);
    assert_eq!(fault(old), CompressError::NotThisFormat { format: "zstd" });
}

#[test]
fn a_larger_window_must_be_allowed() {
    let sample = sample().repeat(10);
    let (stream, _) = filter("zstd", &["-c", "-3", "--long=24"], &sample);
    let (wanted, limit) = (16 << 20, WINDOW_BYTES);
    assert_eq!(
        fault(inflate(&stream)),
        CompressError::Memory {
            format: "zstd",
            wanted,
            limit
        }
    );
    let limits = DecodeLimits {
        window_bytes: u64::MAX,
        ..DecodeLimits::default()
    };
    let mut out = Vec::new();
    Decoder::detecting(&stream[..], limits)
        .unwrap()
        .read_to_end(&mut out)
        .unwrap();
    assert!(out == sample);
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    for (program, compression) in PROGRAMS {
        let (bomb, _) = filter(program, &["-c"], &zeros);
        for (output_bytes, good) in [(8 << 20, true), ((8 << 20) - 1, false), (0, false)] {
            let limits = DecodeLimits {
                output_bytes,
                ..DecodeLimits::default()
            };
            let mut decoder = Decoder::new(&bomb[..], *compression, limits).unwrap();
            let result = io::copy(&mut decoder, &mut io::sink());
            assert_eq!(result.is_ok(), good, "{program} {output_bytes}");
            if let Err(error) = result {
                let limit = output_bytes;
                assert_eq!(
                    CompressError::of(&error),
                    Some(&CompressError::OutputLimit { limit })
                );
            }
            assert!(decoder.output_bytes() <= output_bytes);
        }
    }
    let mut decoder = Decoder::detecting(Cursor::new(zeros), DecodeLimits::default()).unwrap();
    io::copy(&mut decoder, &mut io::sink()).unwrap();
    assert_eq!(
        (decoder.input_bytes(), decoder.output_bytes()),
        (8 << 20, 8 << 20)
    );
}

#[test]
fn an_encoder_that_is_dropped_leaves_no_thread_waiting() {
    let mut encoder = Encoder::new(io::sink(), Compression::Gzip, Some(1), 3).unwrap();
    encoder.write_all(&sample()).unwrap();
    drop(encoder);
}
