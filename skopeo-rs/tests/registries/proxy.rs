//! The image proxy, with the client that bootc uses and by hand.

use std::fs;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use containers_image_proxy::{ImageProxy, ImageProxyConfig};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recvmsg, send, socketpair,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, text};

/// What a client can learn of an image.
#[derive(Debug, PartialEq)]
struct Seen {
    digest: String,
    manifest: Vec<u8>,
    config: Vec<u8>,
    blobs: Vec<Vec<u8>>,
}

async fn see(proxy: &ImageProxy, image: &str) -> Seen {
    let opened = proxy.open_image(image).await.unwrap();
    let (digest, manifest) = proxy.fetch_manifest_raw_oci(&opened).await.unwrap();
    let config = proxy.fetch_config_raw(&opened).await.unwrap();
    let (_, parsed) = proxy.fetch_manifest(&opened).await.unwrap();
    let mut blobs = Vec::new();
    for layer in parsed.layers() {
        let (mut content, finished) = proxy.get_descriptor(&opened, layer).await.unwrap();
        let mut bytes = Vec::new();
        let (read, finished) = tokio::join!(content.read_to_end(&mut bytes), finished);
        read.unwrap();
        finished.unwrap();
        blobs.push(bytes);
    }
    proxy.close_image(&opened).await.unwrap();
    Seen {
        digest,
        manifest,
        config,
        blobs,
    }
}

fn command(world: &World, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", world.path("home"))
        .env("XDG_RUNTIME_DIR", world.path("run"));
    command
}

#[test]
fn a_real_client_gets_images() {
    let Some(world) = World::new() else { return };
    world.ok(
        THEIRS,
        &[
            "copy",
            "-q",
            "--format",
            "v2s2",
            "dir:{D}/dir",
            "dir:{D}/docker",
        ],
    );
    let images = [
        "docker://{R}/one:1",
        "docker://{R}/list:1",
        "oci:{D}/layout:one",
        "dir:{D}/docker",
    ]
    .map(|image| world.fill(image));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut all = Vec::new();
    for (name, program) in BOTH {
        let config = || {
            let mut config = ImageProxyConfig::default();
            config.skopeo_cmd = Some(command(&world, program));
            config.insecure_skip_tls_verification = Some(true);
            config
        };
        runtime.block_on(async {
            let proxy = ImageProxy::new_with_config(config()).await.unwrap();
            let mut seen = Vec::new();
            let missing = world.fill("docker://{R}/one:none");
            assert!(proxy.open_image(&missing).await.is_err(), "{name}");
            // Debian 12's version of the protocol has no optional images.
            if program == OURS {
                for image in &images {
                    seen.push(see(&proxy, image).await);
                }
                assert!(
                    proxy.open_image_optional(&missing).await.unwrap().is_none(),
                    "{name}"
                );
                let opened = proxy.open_image(&images[0]).await.unwrap();
                let layers = proxy.get_layer_info(&opened).await.unwrap().unwrap();
                let (_, manifest) = proxy.fetch_manifest(&opened).await.unwrap();
                assert_eq!(layers.len(), manifest.layers().len());
                let layer = &manifest.layers()[0];
                let (size, mut content, failure) =
                    proxy.get_raw_blob(&opened, layer.digest()).await.unwrap();
                assert_eq!(size, Some(layer.size()));
                let mut bytes = Vec::new();
                let (read, failure) = tokio::join!(content.read_to_end(&mut bytes), failure);
                read.unwrap();
                failure.unwrap();
                assert!(bytes == seen[0].blobs[0]);
            }
            proxy.finalize().await.unwrap();
            all.push(seen);
        });
    }
    for ((theirs, ours), image) in all[0].iter().zip(&all[1]).zip(&images) {
        let shown = |bytes: &[u8]| text(bytes);
        assert_eq!(ours.digest, theirs.digest, "{image}");
        assert_eq!(shown(&ours.manifest), shown(&theirs.manifest), "{image}");
        assert_eq!(shown(&ours.config), shown(&theirs.config), "{image}");
        assert!(ours.blobs == theirs.blobs, "{image}");
    }
    // Nothing that the policy rejects is opened.
    fs::write(
        world.path("reject.json"),
        r#"{"default":[{"type":"reject"}]}"#,
    )
    .unwrap();
    let mut config = ImageProxyConfig::default();
    let mut rejecting = command(&world, OURS);
    rejecting.arg("--policy").arg(world.path("reject.json"));
    config.skopeo_cmd = Some(rejecting);
    config.insecure_skip_tls_verification = Some(true);
    runtime.block_on(async {
        let proxy = ImageProxy::new_with_config(config).await.unwrap();
        let refused = proxy.open_image(&images[2]).await.unwrap_err();
        assert!(
            format!("{refused:?}").contains("rejected by policy"),
            "{refused:?}"
        );
    });
}

/// A client that speaks the protocol by hand.
struct Client {
    socket: OwnedFd,
    proxy: Child,
}

impl Client {
    fn new(world: &World, args: &[&str]) -> Client {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let proxy = command(world, OURS)
            .args(["experimental-image-proxy", "--tls-verify=false"])
            .args(args)
            .stdin(Stdio::from(theirs))
            .spawn()
            .unwrap();
        Client {
            socket: ours,
            proxy,
        }
    }

    fn send(&self, packet: &[u8]) -> (Value, Vec<OwnedFd>) {
        send(&self.socket, packet, SendFlags::empty()).unwrap();
        let mut buffer = vec![0; 64 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [std::io::IoSliceMut::new(&mut buffer)];
        let received =
            recvmsg(&self.socket, &mut slices, &mut control, RecvFlags::empty()).unwrap();
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        (
            serde_json::from_slice(&buffer[..received.bytes]).unwrap(),
            descriptors,
        )
    }

    fn call(&self, method: &str, args: Value) -> (Value, Vec<OwnedFd>) {
        self.send(
            json!({"method": method, "args": args})
                .to_string()
                .as_bytes(),
        )
    }

    fn fails(&self, method: &str, args: Value) -> String {
        let (reply, descriptors) = self.call(method, args);
        assert_eq!(reply["success"], false, "{method}: {reply}");
        assert!(descriptors.is_empty());
        reply["error"].as_str().unwrap().to_owned()
    }
}

#[test]
fn what_makes_no_sense_is_answered() {
    let Some(world) = World::new() else { return };
    let mut client = Client::new(&world, &["--sockfd", "0"]);
    assert!(
        client
            .fails("OpenImage", json!(["dir:x"]))
            .contains("must invoke Initialize")
    );
    assert!(
        client
            .fails("Initialize", json!([1]))
            .contains("zero arguments")
    );
    let (reply, _) = client.call("Initialize", json!([]));
    assert_eq!(
        reply,
        json!({"success": true, "value": "0.2.8", "pipeid": 0, "error_code": "", "error": ""})
    );
    for (packet, want) in [
        (&b"no json"[..], "invalid request"),
        (b"{\"method\":7}", "invalid request"),
        (b"{\"method\":\"Bogus\"}", "unknown method: Bogus"),
        (&[b'x'; 40_000][..], "invalid request"),
    ] {
        let (reply, _) = client.send(packet);
        assert!(reply["error"].as_str().unwrap().contains(want), "{reply}");
    }
    let image = world.fill("docker://{R}/one:1");
    let (reply, _) = client.call("OpenImage", json!([image]));
    let id = reply["value"].as_u64().unwrap();
    for (method, args, want) in [
        ("Initialize", json!([]), "already initialized"),
        ("OpenImage", json!([7]), "string imageref"),
        ("OpenImage", json!(["bogus:x"]), "unknown transport"),
        ("GetManifest", json!([0]), "imageid value of zero"),
        ("GetManifest", json!([99]), "no image 99"),
        ("GetManifest", json!([-1]), "out of range"),
        ("GetManifest", json!([1.5]), "out of range"),
        ("GetManifest", json!([1e300]), "out of range"),
        ("GetManifest", json!(["1"]), "expecting numeric"),
        ("GetManifest", json!([]), "does not take 0 arguments"),
        ("GetBlob", json!([id, "bogus", 1]), "digest"),
        (
            "GetBlob",
            json!([id, format!("sha256:{}", "0".repeat(64)), 1]),
            "not found",
        ),
        ("FinishPipe", json!([77]), "no active pipe 77"),
        ("FinishPipe", json!([]), "expecting numeric"),
    ] {
        let error = client.fails(method, args.clone()).to_lowercase();
        assert!(
            error.contains(&want.to_lowercase()),
            "{method} {args}: {error}"
        );
    }
    // A blob of another size is not handed out as if it were whole.
    let raw = world.ok(OURS, &["inspect", "--tls-verify=false", "--raw", &image]);
    let raw: Value = serde_json::from_str(&raw).unwrap();
    let layer = &raw["layers"][0];
    let wrong = layer["size"].as_u64().unwrap() - 1;
    let (reply, descriptors) = client.call("GetBlob", json!([id, layer["digest"], wrong]));
    let failed = match reply["success"] == true {
        true => {
            let mut bytes = Vec::new();
            let (first, pipe) = (descriptors.into_iter().next().unwrap(), &reply["pipeid"]);
            // Our end of the pipe is open until it is finished.
            let reader = std::thread::spawn(move || fs::File::from(first).read_to_end(&mut bytes));
            let finished = client.fails("FinishPipe", json!([pipe]));
            reader.join().unwrap().unwrap();
            finished
        }
        false => reply["error"].as_str().unwrap().to_owned(),
    };
    assert!(failed.contains("bytes"), "{failed}");
    // A pipe that the client closes is no reason to end.
    let (reply, descriptors) = client.call("GetManifest", json!([id]));
    drop(descriptors);
    client.call("FinishPipe", json!([reply["pipeid"]]));
    let (reply, _) = client.call("CloseImage", json!([id]));
    assert_eq!(reply["success"], true);
    send(
        &client.socket,
        br#"{"method":"Shutdown"}"#,
        SendFlags::empty(),
    )
    .unwrap();
    assert!(client.proxy.wait().unwrap().success());
    // Who hangs up ends it, too; a number that is no socket is said.
    let client = Client::new(&world, &[]);
    let Client { socket, mut proxy } = client;
    drop(socket);
    assert!(proxy.wait().unwrap().success());
    let none = world.run(OURS, &["experimental-image-proxy", "--sockfd", "77"]);
    assert_eq!(none.status.code(), Some(1), "{}", text(&none.stderr));
}
