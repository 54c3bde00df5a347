//! Logging in and out, with both programs on the same files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use crate::BOTH;
use crate::common::{OURS, THEIRS, World, start_registry, text};

struct Guarded {
    registry: Child,
    host: String,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

/// A registry that wants `user` with `pass:word`.
fn guarded(world: &World) -> Guarded {
    let dir = world.path("guarded");
    fs::create_dir_all(&dir).unwrap();
    let htpasswd = Command::new("htpasswd")
        .args(["-Bbn", "user", "pass:word"])
        .output()
        .unwrap();
    fs::write(dir.join("htpasswd"), htpasswd.stdout).unwrap();
    let auth = format!(
        "auth: {{htpasswd: {{realm: r, path: {}}}}}\n",
        dir.join("htpasswd").display()
    );
    let (registry, port) = start_registry(&dir, &auth, "");
    Guarded {
        registry,
        host: format!("127.0.0.1:{port}"),
    }
}

#[test]
fn logins_are_those_of_the_original() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    let host = registry.host.as_str();
    let below = format!("{host}/team/app");
    // What one of them says, and the file, must be what the other's are.
    let steps: &[&[&str]] = &[
        &["login", "--tls-verify=false", "--get-login", host],
        &[
            "login",
            "--tls-verify=false",
            "-u",
            "user",
            "-p",
            "wrong",
            host,
        ],
        &[
            "login",
            "--tls-verify=false",
            "-u",
            "user",
            "-p",
            "pass:word",
            host,
        ],
        &["login", "--tls-verify=false", "--get-login", host],
        &["login", "--tls-verify=false", host],
        &[
            "login",
            "--tls-verify=false",
            "-v",
            "--username",
            "user",
            "--password",
            "pass:word",
            &below,
        ],
        &["login", "--get-login", &below],
        &["logout", &below],
        &["logout", &below],
        &["logout", host],
        &["logout", host],
        &[
            "login",
            "--tls-verify=false",
            "-u",
            "user",
            "--password-stdin",
            "-p",
            "x",
            host,
        ],
        &["login", "--tls-verify=false", "--password-stdin", host],
        &[
            "login",
            "--tls-verify=false",
            "-u",
            "user",
            "-p",
            "pass:word",
            &format!("http://{host}/v2/"),
        ],
        &["logout", "--all"],
        &["logout", "-a", host],
        &[
            "login",
            "--tls-verify=false",
            "-u",
            "user",
            "-p",
            "pass:word",
            &format!("{host}/a:tag"),
        ],
        &["login"],
        &["logout"],
    ];
    let file = world.path("run/containers/auth.json");
    let mut seen = Vec::new();
    for (name, program) in BOTH {
        let _ = fs::remove_file(&file);
        let mut all = Vec::new();
        for step in steps {
            let output = world.run(program, step);
            let kept = fs::read_to_string(&file).unwrap_or_default();
            all.push((output.status.code(), text(&output.stdout), kept));
        }
        seen.push((name, all));
    }
    for (step, (theirs, ours)) in steps.iter().zip(seen[0].1.iter().zip(&seen[1].1)) {
        assert_eq!(ours.0, theirs.0, "{step:?} {theirs:?} {ours:?}");
        assert_eq!(ours.1, theirs.1, "{step:?}");
        let compact = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(compact(&ours.2), compact(&theirs.2), "{step:?}");
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_login_is_kept_where_it_is_asked_to() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    let host = registry.host.as_str();
    let user = ["-u", "user", "-p", "pass:word", host];
    let login = |flags: &[&str]| {
        world.run(
            OURS,
            &[&["login", "--tls-verify=false"], flags, &user[..]].concat(),
        )
    };
    assert!(login(&["--authfile", "{D}/mine.json"]).status.success());
    world.ok(
        THEIRS,
        &["login", "--get-login", "--authfile", "{D}/mine.json", host],
    );
    let docker = world.path("config.json");
    fs::write(&docker, r#"{"psFormat":"x"}"#).unwrap();
    let kept = login(&["--verbose", "--compat-auth-file", "{D}/config.json"]);
    let said = text(&kept.stdout);
    assert_eq!(
        said,
        format!("Used:  {}\nLogin Succeeded!\n", docker.display())
    );
    assert!(fs::read_to_string(&docker).unwrap().contains("psFormat"));
    let get = [
        "login",
        "--get-login",
        "--compat-auth-file",
        "{D}/config.json",
        host,
    ];
    assert_eq!(world.ok(OURS, &get), "user\n");
    for files in [
        ["--authfile", "{D}/mine.json"],
        ["--compat-auth-file", "{D}/config.json"],
    ] {
        let gone = world.ok(
            OURS,
            &[&["logout", "--tls-verify=false"], &files[..], &[host]].concat(),
        );
        assert_eq!(gone, format!("Removed login credentials for {host}\n"));
    }
    let absent = world.run(OURS, &["logout", "--authfile", "{D}/none.json", host]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).contains("not accessible"));
    // A directory without certificates leaves the system's; the registry speaks no TLS at all.
    let tls = world.run(
        OURS,
        &[
            &["login", "--tls-verify", "--cert-dir", "{D}/guarded"],
            &user[..],
        ]
        .concat(),
    );
    assert_eq!(tls.status.code(), Some(1));
}

#[test]
fn a_sync_logs_in() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    let host = registry.host.as_str();
    let user = ["-u", "user", "-p", "pass:word", host];
    let login = ["login", "--tls-verify=false", "--authfile", "{D}/mine.json"];
    assert!(
        world
            .run(OURS, &[&login[..], &user[..]].concat())
            .status
            .success()
    );
    let plain = ["sync", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let to = format!("{host}/mirror");
    let ends = ["--src", "docker", "--dest", "docker", "{R}/one", &to];
    for (name, program) in BOTH {
        let anonymous = world.run(program, &[&plain[..], &ends[..]].concat());
        assert_eq!(anonymous.status.code(), Some(1), "{name}");
        let with = ["--authfile", "{D}/mine.json"];
        world.ok(program, &[&plain[..], &with[..], &ends[..]].concat());
        let wrong = ["--authfile", "{D}/mine.json", "--dest-creds", "user:wrong"];
        let denied = world.run(program, &[&plain[..], &wrong[..], &ends[..]].concat());
        assert_eq!(denied.status.code(), Some(1), "{name}");
    }
}

#[test]
fn a_helper_keeps_a_login() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    let host = registry.host.as_str();
    let bin = world.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let helper = bin.join("docker-credential-keep");
    let script = format!(
        "#!/bin/sh\nat={}/kept\ncase $1 in\nstore) cat > $at;;\nget) cat >/dev/null; cat $at 2>/dev/null || \
         {{ echo 'credentials not found in native keychain'; exit 1; }};;\nerase) cat >/dev/null; rm $at;;\n\
         list) echo '{{}}';;\nesac\n",
        world.dir.path().display()
    );
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    world.configure("registries.conf", "credential-helpers = [\"keep\"]\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |program: &str, args: &[&str]| {
        Command::new(program)
            .args(args)
            .env("HOME", world.path("home"))
            .env("XDG_RUNTIME_DIR", world.path("run"))
            .env("PATH", &path)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REGISTRY_AUTH_FILE")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for (_, program) in BOTH {
        let login = [
            "login",
            "--tls-verify=false",
            "-v",
            "-u",
            "user",
            "-p",
            "pass:word",
            host,
        ];
        let kept = run(program, &login);
        assert!(kept.status.success(), "{}", text(&kept.stderr));
        assert!(
            text(&kept.stdout).contains("credential helper: keep"),
            "{kept:?}"
        );
        for (_, other) in BOTH {
            let user = run(other, &["login", "--get-login", host]);
            assert_eq!(text(&user.stdout), "user\n", "{}", text(&user.stderr));
        }
        assert!(!world.path("run/containers/auth.json").exists());
        let gone = run(program, &["logout", host]);
        assert!(gone.status.success(), "{}", text(&gone.stderr));
        assert!(!world.path("kept").exists());
    }
}

#[test]
fn a_password_comes_through_a_pipe() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    for (name, program) in BOTH {
        let file = world.path(&format!("{name}.json"));
        let mut login = Command::new(program)
            .args([
                "login",
                "--tls-verify=false",
                "-u",
                "user",
                "--password-stdin",
                "--authfile",
            ])
            .arg(&file)
            .arg(&registry.host)
            .env("HOME", world.path("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // All lines count, without their ends.
        login
            .stdin
            .take()
            .unwrap()
            .write_all(b"pass:\nword\n")
            .unwrap();
        let output = login.wait_with_output().unwrap();
        assert_eq!(text(&output.stdout), "Login Succeeded!\n", "{name}");
        assert!(file.exists(), "{name}");
    }
}

/// A terminal is asked for what is missing, and does not show the password.
#[test]
fn the_terminal_is_asked() {
    let Some(world) = World::new() else { return };
    let registry = guarded(&world);
    let command = format!(
        "{OURS} login --tls-verify=false --authfile {}/t.json {}",
        world.dir.path().display(),
        registry.host
    );
    let mut script = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("HOME", world.path("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = script.stdin.take().unwrap();
    // What is typed before the terminal falls silent is echoed and thrown away.
    stdin.write_all(b"user\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    stdin.write_all(b"pass:word\n").unwrap();
    let output = script.wait_with_output().unwrap();
    drop(stdin);
    let said = text(&output.stdout);
    assert!(
        said.contains("Username: ") && said.contains("Password: "),
        "{said}"
    );
    assert!(
        said.contains("Login Succeeded!") && !said.contains("pass:word"),
        "{said}"
    );
}
