//! Mirrors that hang or put off: who waits for them, and how long.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use common::{ACCEPT, Registry, chain, context, copy_with, options};
use image::{Quiet, SinkOptions};

/// Answers each request with what comes first in `answers` and never after they are used up.
fn server_that_says(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut answers = answers.iter();
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            // What begins otherwise is the other scheme.
            if request[..read].starts_with(b"GET") {
                if let Some(answer) = answers.next() {
                    let _ = stream.write_all(answer.as_bytes());
                    continue;
                }
                open.push(stream);
            }
        }
    });
    address
}

/// What is said of an image that neither `registry` nor its mirrors have, when a mirror that is not
/// the last place to ask has 300 ms.
fn said_of(root: &Path, registry: &Registry, blocked: bool, mirrors: &[&String]) -> String {
    let mut context = context(root);
    context.client.timeouts.elsewhere = std::time::Duration::from_millis(300);
    let mut text = format!(
        "[[registry]]\nlocation = \"{}\"\ninsecure = true\nblocked = {blocked}\n",
        registry.address
    );
    for mirror in mirrors {
        text += &format!("[[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = true\n");
    }
    let conf = root.join("etc/containers/registries.conf");
    std::fs::create_dir_all(conf.parent().unwrap()).unwrap();
    std::fs::write(conf, text).unwrap();
    context.registries = config::registries::Registries::load(&context.env, None).unwrap();
    let to = format!("dir:{}", root.join("to").display());
    let from = registry.name("nosuch:1");
    let sink = SinkOptions::default();
    match copy_with(&context, &from, &to, &options(), &sink, ACCEPT, &Quiet) {
        Ok(_) => panic!("{from} is there"),
        Err(error) => chain(&error),
    }
}

/// A mirror that keeps others waiting is left for the next place, whatever it says meanwhile.
#[test]
fn mirrors_are_not_waited_for_as_if_there_was_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let registry = Registry::start();
    let busy = server_that_says(
        &["HTTP/1.1 429 Too Many Requests\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n"; 3],
    );
    let mute = server_that_says(&[
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ]);
    let said = said_of(root.path(), &registry, false, &[&busy, &mute]);
    for mirror in [busy, mute] {
        let want = format!("{mirror}/v2/nosuch/manifests/1: no manifest within 300ms");
        assert!(said.contains(&want), "{said}");
    }
}

/// Where the registry itself is blocked, its last mirror is all there is.
#[test]
fn the_last_place_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let registry = Registry::start();
    let busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let gone = "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mirror = server_that_says(Box::leak(Box::new([busy, busy, gone, gone, gone])));
    let said = said_of(root.path(), &registry, true, &[&mirror]);
    assert!(said.contains("418"), "{said}");
    assert!(!said.contains("no manifest within"), "{said}");
}
