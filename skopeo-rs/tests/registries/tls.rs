//! Copies over TLS: private authorities, certificates of clients, and what is wrong with a
//! server's.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, start_registry, text};

/// An authority, another that nobody trusts, certificates of servers and of a client.
fn certificates(dir: &Path) {
    let script = r#"
set -e
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
authority() { key $1.key; openssl req -x509 -new -key $1.key -days 2 -subj /CN=$1 -out $1.pem; }
authority ca; authority other
issue() { # NAME USE ALTERNATIVE-NAME AUTHORITY FROM-TO
  key $1.key; openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
  printf 'subjectAltName=%s\nextendedKeyUsage=%sAuth\n' $3 $2 > $1.ext
  openssl x509 -req -in $1.csr -CA $4.pem -CAkey $4.key -CAcreateserial -extfile $1.ext -out $1.pem -days $5
}
issue good server IP:127.0.0.1,DNS:localhost ca 2
issue elsewhere server DNS:elsewhere.example ca 2
issue foreign server IP:127.0.0.1 other 2
issue client client DNS:client ca 2
issue stranger client DNS:client other 2
cp good.key old.key; openssl req -new -key old.key -subj /CN=old -out old.csr
mkdir -p db/new; : > db/index; echo 01 > db/serial
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db/index\nserial=db/serial\nnew_certs_dir=db/new\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' > ca.cnf
openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in old.csr -out old.pem -extfile good.ext \
  -startdate 20200101000000Z -enddate 20200201000000Z -notext
mkdir trust both wrong-client nothing
cp ca.pem trust/ca.crt; cp ca.pem both/ca.crt; cp client.pem both/me.cert; cp client.key both/me.key
cp ca.pem wrong-client/ca.crt; cp stranger.pem wrong-client/me.cert; cp stranger.key wrong-client/me.key
"#;
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a registry with a certificate, over the same files as the plain one.
fn serve(world: &World, certificate: &str, clients_too: bool) -> (Server, u16) {
    let certs = world.path("certs");
    let dir = world.path(&format!("tls-{certificate}-{clients_too}"));
    fs::create_dir_all(&dir).unwrap();
    std::os::unix::fs::symlink(world.path("registry"), dir.join("registry")).unwrap();
    let at = |name: &str| certs.join(name).display().to_string();
    let (pem, key) = (
        at(&format!("{certificate}.pem")),
        at(&format!("{certificate}.key")),
    );
    let clients = if clients_too {
        format!(", clientcas: ['{}']", at("ca.pem"))
    } else {
        String::new()
    };
    let tls = format!(", tls: {{certificate: '{pem}', key: '{key}'{clients}}}");
    let (child, port) = start_registry(&dir, "", &tls);
    (Server(child), port)
}

#[test]
fn both_sides_of_a_copy_have_their_certificates() {
    let Some(world) = World::new() else { return };
    let certs = world.path("certs");
    fs::create_dir_all(&certs).unwrap();
    certificates(&certs);
    let (_plain, port) = serve(&world, "good", false);
    let (_clients, clients) = serve(&world, "good", true);
    let from = format!("docker://127.0.0.1:{port}/one:1");
    let with_client = format!("docker://127.0.0.1:{clients}/one:1");
    for (who, program) in BOTH {
        let to = format!("docker://127.0.0.1:{clients}/{who}:1");
        // From one registry to another, a directory for each side.
        world.ok(
            program,
            &[
                "copy",
                "-q",
                "--src-cert-dir",
                "{D}/certs/trust",
                "--dest-cert-dir",
                "{D}/certs/both",
                &from,
                &to,
            ],
        );
        let flags = ["--src-cert-dir", "{D}/certs/both"];
        assert!(
            world
                .copy_to_dir(program, &flags, &to, "back")
                .status
                .success(),
            "{who}"
        );
        assert!(
            world
                .copy_to_dir(program, &flags, &from, "back")
                .status
                .success(),
            "{who}"
        );
        // Without what is needed, and with what nobody issued.
        for (image, dir, words) in [
            (&from, "nothing", "unknown"),
            (&with_client, "trust", "certificate"),
            (&with_client, "wrong-client", "certificate"),
        ] {
            let dir = format!("{{D}}/certs/{dir}");
            let failed = world.copy_to_dir(program, &["--src-cert-dir", &dir], image, "never");
            assert_eq!(failed.status.code(), Some(1), "{who} {dir}");
            let said = text(&failed.stderr).to_lowercase();
            assert!(said.contains(words), "{who} {dir}: {said}");
        }
        // Verification that is switched off needs no authority.
        let flags = ["--src-tls-verify=false"];
        assert!(
            world
                .copy_to_dir(program, &flags, &from, "back")
                .status
                .success(),
            "{who}"
        );
        // certs.d, where the name of the directory is host and port.
        let certs_d = world.path("home/.config/containers/certs.d");
        assert_eq!(
            world
                .copy_to_dir(program, &[], &from, "never")
                .status
                .code(),
            Some(1)
        );
        for (port, files) in [(port, "trust"), (clients, "both")] {
            let dir = certs_d.join(format!("127.0.0.1:{port}"));
            fs::create_dir_all(dir.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(certs.join(files), dir).unwrap();
        }
        for image in [&from, &with_client] {
            let copied = world.copy_to_dir(program, &[], image, "back");
            assert!(copied.status.success(), "{who}: {}", text(&copied.stderr));
            world.ok(program, &["inspect", image]);
            world.ok(program, &["list-tags", image.trim_end_matches(":1")]);
        }
        fs::remove_dir_all(certs_d).unwrap();
    }
    // Both pushed the same image.
    let digest = |who: &str| {
        let image = format!("docker://127.0.0.1:{clients}/{who}:1");
        world.ok(
            THEIRS,
            &["inspect", "--raw", "--cert-dir", "{D}/certs/both", &image],
        )
    };
    assert_eq!(digest("theirs"), digest("ours"));
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let Some(world) = World::new() else { return };
    let certs = world.path("certs");
    fs::create_dir_all(&certs).unwrap();
    certificates(&certs);
    for (certificate, ours, authority_helps) in [
        ("old", "expired", false),
        ("elsewhere", "elsewhere.example", false),
        ("foreign", "unknownissuer", true),
    ] {
        let (_server, port) = serve(&world, certificate, false);
        let image = format!("docker://127.0.0.1:{port}/one:1");
        for (who, program) in BOTH {
            let flags = ["--src-cert-dir", "{D}/certs/trust"];
            let failed = world.copy_to_dir(program, &flags, &image, "never");
            assert_eq!(failed.status.code(), Some(1), "{certificate} {who}");
            assert!(!world.path("never/manifest.json").exists());
            let said = text(&failed.stderr);
            if program == OURS {
                let folded = said.to_lowercase().replace(' ', "");
                assert!(folded.contains(ours), "{certificate}: {said}");
                assert_eq!(said.contains("hint: "), authority_helps, "{said}");
            }
            // Plain http is not tried instead.
            assert!(!said.contains("http://"), "{certificate} {who}: {said}");
            let flags = ["--src-tls-verify=false"];
            let copied = world.copy_to_dir(program, &flags, &image, "insecure");
            assert!(
                copied.status.success(),
                "{certificate} {who}: {}",
                text(&copied.stderr)
            );
        }
    }
}
