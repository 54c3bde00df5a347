//! A registry that keeps signatures itself, as OpenShift's does: Debian's registry and nginx in
//! front of it, which says so and sends what is about signatures to a small server here. Its
//! format is that of containers/image, which talks to it in the same test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{OURS, World, text};
use crate::signatures::{SIGNER, end_agents, is_accepted, keys, sign};
use crate::{BOTH, is_installed};

const NGINX: &str = "/usr/sbin/nginx";

type Lists = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// Keeps lists of signatures by path; each name is there once.
fn keep_signatures() -> (u16, Lists) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lists = Lists::default();
    let kept = Arc::clone(&lists);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is no concern of the next one.
            let _ = answer(stream, &kept);
        }
    });
    (port, lists)
}

fn answer(mut stream: TcpStream, lists: &Lists) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut lists = lists.lock().unwrap();
    let list = lists.entry(path.to_owned()).or_default();
    let (status, answer) = match (method, serde_json::from_slice::<Value>(&body)) {
        ("GET", _) => (200, json!({"signatures": list}).to_string()),
        ("PUT", Ok(new)) if list.iter().all(|old| old["name"] != new["name"]) => {
            list.push(new);
            (201, String::new())
        }
        _ => (409, String::new()),
    };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    )
}

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it when it is asked, and stay when it is killed.
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.0.wait();
    }
}

fn nginx(world: &World, extension: u16) -> (Nginx, u16) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let dir = world.path("nginx");
    fs::create_dir_all(&dir).unwrap();
    let (at, registry) = (dir.display(), world.port);
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {at}/{what};"))
        .join(" ");
    let conf = format!(
        "daemon off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
         http {{ access_log off; client_max_body_size 0; {paths}\n\
         server {{ listen 127.0.0.1:{port}; add_header X-Registry-Supports-Signatures 1 always;\n\
         proxy_set_header Host $http_host; proxy_http_version 1.1; proxy_request_buffering off;\n\
         location / {{ proxy_pass http://127.0.0.1:{registry}; }}\n\
         location /extensions/ {{ proxy_request_buffering on; proxy_set_header Connection close;\n\
           proxy_pass http://127.0.0.1:{extension}; }} }} }}\n"
    );
    fs::write(dir.join("nginx.conf"), conf).unwrap();
    let child = Command::new(NGINX)
        .arg("-c")
        .arg(dir.join("nginx.conf"))
        .args(["-e", dir.join("error.log").to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nginx does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    (Nginx(child), port)
}

#[test]
fn a_registry_keeps_signatures_itself() {
    let Some(world) = World::new() else { return };
    if !is_installed(&["/usr/bin/gpg", NGINX]) {
        return;
    }
    keys(&world);
    let (extension, lists) = keep_signatures();
    let (_nginx, port) = nginx(&world, extension);
    // A lookaside that would be used otherwise, and must not be.
    world.configure(
        "registries.d/lookaside.yaml",
        "default-docker: {lookaside: 'file://{D}/lookaside'}\n",
    );
    for (who, program) in BOTH {
        let image = format!("docker://127.0.0.1:{port}/kept/{who}:1");
        let plain = format!("docker://127.0.0.1:{port}/kept/{who}-plain:1");
        sign(&world, program, SIGNER, "oci:{D}/layout:one", &image);
        let to = [
            "copy",
            "-q",
            "--dest-tls-verify=false",
            "oci:{D}/layout:one",
            &plain,
        ];
        world.ok(program, &to);
        for (verifier, other) in BOTH {
            assert!(
                is_accepted(&world, other, &[], &image),
                "{verifier} of {who}"
            );
            assert!(
                !is_accepted(&world, other, &[], &plain),
                "{verifier} of {who}"
            );
        }
        // From there into a directory and back: the same signature is not there twice.
        let flags = ["--src-tls-verify=false"];
        for (_, other) in BOTH {
            let got = world.copy_to_dir(other, &flags, &image, "with-signature");
            assert!(got.status.success(), "{}", text(&got.stderr));
            assert!(world.path("with-signature/signature-1").exists());
            assert!(!world.path("with-signature/signature-2").exists());
            let back = [
                "copy",
                "-q",
                "--dest-tls-verify=false",
                "dir:{D}/with-signature",
                &image,
            ];
            world.ok(other, &back);
        }
        let lists = lists.lock().unwrap();
        let of = |name: &str| {
            let start = format!("/extensions/v2/kept/{name}/signatures/sha256:");
            lists
                .iter()
                .find(|(path, _)| path.starts_with(&start))
                .map(|(path, list)| (path.rsplit('/').next().unwrap().to_owned(), list.clone()))
        };
        let (digest, list) = of(who).unwrap();
        assert_eq!(list.len(), 1, "{who}: {list:?}");
        // What is sent has the form that containers/image gives it.
        let members = list[0].as_object().unwrap();
        let names: Vec<&String> = members.keys().collect();
        assert_eq!(names, ["content", "name", "schemaVersion", "type"], "{who}");
        let name = members["name"].as_str().unwrap();
        let (of_image, unique) = name.split_once('@').unwrap();
        assert_eq!((of_image, unique.len()), (digest.as_str(), 32), "{who}");
        assert_eq!(
            (&members["type"], &members["schemaVersion"]),
            (&json!("atomic"), &json!(2))
        );
    }
    assert!(!world.path("lookaside").exists());
    // Entries of other kinds are passed over; what is no list is an error, not "no signatures".
    let ours = format!("docker://127.0.0.1:{port}/kept/ours:1");
    let set = |content: Value| {
        let mut lists = lists.lock().unwrap();
        for (path, list) in lists.iter_mut() {
            if path.contains("/ours/") {
                list.push(content.clone());
            }
        }
    };
    set(json!({"schemaVersion": 2, "name": "x", "type": "other", "content": "AA=="}));
    for (who, program) in BOTH {
        assert!(is_accepted(&world, program, &[], &ours), "{who}");
    }
    set(json!({"schemaVersion": 2, "name": "y", "type": "atomic", "content": "no base64"}));
    for (who, program) in BOTH {
        let flags = ["--src-tls-verify=false"];
        let failed = world.copy_to_dir(program, &flags, &ours, "never");
        assert_eq!(failed.status.code(), Some(1), "{who}");
        if program == OURS {
            assert!(
                text(&failed.stderr).contains("list of signatures"),
                "{}",
                text(&failed.stderr)
            );
        }
    }
    end_agents(&world);
}
