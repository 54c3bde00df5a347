//! `registries.conf`: which of several registries an image comes from.

use std::process::Child;

use crate::BOTH;
use crate::common::{OURS, Stdout, THEIRS, World, quirk, row, start_registry, text};

/// Registries that have different images under the same names.
struct Mirrors {
    world: World,
    others: Vec<Child>,
    /// The ports of `{M1}` and `{M2}`.
    ports: Vec<u16>,
    /// The digests of the images at `{R}`, `{M1}` and `{M2}`.
    digests: Vec<String>,
}

impl Drop for Mirrors {
    fn drop(&mut self) {
        for registry in &mut self.others {
            let _ = registry.kill();
            let _ = registry.wait();
        }
    }
}

impl Mirrors {
    fn new() -> Option<Self> {
        let world = World::new()?;
        let mut mirrors = Self {
            world,
            others: Vec::new(),
            ports: Vec::new(),
            digests: Vec::new(),
        };
        for name in ["m1", "m2"] {
            let dir = mirrors.world.path(name);
            std::fs::create_dir_all(&dir).unwrap();
            let (child, port) = start_registry(&dir, "", "");
            mirrors.others.push(child);
            mirrors.ports.push(port);
        }
        // What tells the three apart: two layers, one layer, the same as another format.
        for (place, flags) in [
            ("{R}", "oci:{D}/layout:one"),
            ("{M1}", "--override-arch arm64 oci:{D}/layout:list"),
            ("{M2}", "--format v2s2 oci:{D}/layout:one"),
        ] {
            let to = mirrors.fill(&format!("docker://{place}/inner/app:1"));
            let args = format!("copy -q --dest-tls-verify=false {flags} {to}");
            mirrors
                .world
                .ok(THEIRS, &args.split(' ').collect::<Vec<_>>());
            let name = format!("seen{}", mirrors.digests.len());
            let flags = ["--src-tls-verify=false"];
            assert!(
                mirrors
                    .world
                    .copy_to_dir(THEIRS, &flags, &to, &name)
                    .status
                    .success()
            );
            mirrors
                .digests
                .push(mirrors.world.digest_of(&name).unwrap());
        }
        let [a, b, c] = &mirrors.digests[..] else {
            return None;
        };
        assert!(a != b && b != c && a != c);
        Some(mirrors)
    }

    /// `{DEAD}` is an address where nobody listens; `{D0}` to `{D2}` are the digests.
    fn fill(&self, text: &str) -> String {
        let at = |port: u16| format!("127.0.0.1:{port}");
        let mut text = text
            .replace("{R}", &at(self.world.port))
            .replace("{M1}", &at(self.ports[0]))
            .replace("{M2}", &at(self.ports[1]))
            .replace("{DEAD}", "127.0.0.1:1");
        for (place, digest) in self.digests.iter().enumerate() {
            text = text.replace(&format!("{{D{place}}}"), digest);
        }
        text
    }

    /// Says which registry each program took an image from.
    fn origins(&self, image: &str) -> [(Option<usize>, String); 2] {
        BOTH.map(|(who, program)| {
            let name = format!("got-{who}");
            let output = self
                .world
                .copy_to_dir(program, &[], &self.fill(image), &name);
            let digest = self.world.digest_of(&name);
            let place = digest.and_then(|digest| self.digests.iter().position(|d| *d == digest));
            assert_eq!(
                output.status.success(),
                place.is_some(),
                "{}",
                text(&output.stderr)
            );
            (place, text(&output.stderr))
        })
    }
}

/// The registry itself, as a name that leads nowhere without configuration.
const PRIMARY: &str = r#"
[[registry]]
prefix = "r.example/team"
location = "{R}/inner"
insecure = true
"#;

fn mirror(place: &str, more: &str) -> String {
    format!("[[registry.mirror]]\nlocation = \"{place}/inner\"\ninsecure = true\n{more}\n")
}

#[test]
fn images_come_from_the_mirror_that_the_original_takes() {
    let Some(mirrors) = Mirrors::new() else {
        return;
    };
    let tagged = "docker://r.example/team/app:1";
    let at = |place: usize| format!("docker://r.example/team/app@{{D{place}}}");
    let with = |mirrors: &[String]| format!("{PRIMARY}{}", mirrors.concat());
    let one = || mirror("{M1}", "");
    let two = || mirror("{M2}", "");
    let by_digest =
        |conf: String| conf.replacen("insecure", "mirror-by-digest-only = true\ninsecure", 1);
    let only = |place: &str, when: &str| mirror(place, &format!("pull-from-mirror = \"{when}\""));
    let table: Vec<(&str, String, String, Option<usize>)> = vec![
        ("no configuration", String::new(), tagged.into(), None),
        ("prefix rewritten", PRIMARY.into(), tagged.into(), Some(0)),
        ("first mirror", with(&[one(), two()]), tagged.into(), Some(1)),
        ("order counts", with(&[two(), one()]), tagged.into(), Some(2)),
        ("first is down", with(&[mirror("{DEAD}", ""), two()]), tagged.into(), Some(2)),
        ("all are down", with(&[mirror("{DEAD}", "")]), tagged.into(), Some(0)),
        ("not in the first", with(&[one(), two()]), at(2), Some(2)),
        ("in no mirror", with(&[one(), two()]), at(0), Some(0)),
        ("nowhere", with(&[one(), two()]), "docker://r.example/team/nosuch:1".into(), None),
        ("by digest only, a tag", by_digest(with(&[one()])), tagged.into(), Some(0)),
        ("by digest only, a digest", by_digest(with(&[one()])), at(1), Some(1)),
        ("mirror for digests, a tag", with(&[only("{M1}", "digest-only"), two()]), tagged.into(), Some(2)),
        ("mirror for digests, a digest", with(&[only("{M1}", "digest-only")]), at(1), Some(1)),
        ("mirror for tags, a digest", with(&[only("{M1}", "tag-only")]), at(1), None),
        ("mirror for tags, a tag", with(&[only("{M1}", "tag-only")]), tagged.into(), Some(1)),
        ("mirror for all", with(&[only("{M1}", "all")]), at(1), Some(1)),
        (
            "mirror not insecure",
            with(&[one().replace("insecure = true", ""), two()]),
            tagged.into(),
            Some(2),
        ),
        (
            "mirror insecure as a registry alone",
            format!(
                "{}[[registry]]\nlocation = \"{{M1}}\"\ninsecure = true\n",
                with(&[one().replace("insecure = true", ""), two()])
            ),
            tagged.into(),
            Some(2),
        ),
        (
            "primary not insecure",
            PRIMARY.replace("insecure = true", ""),
            tagged.into(),
            None,
        ),
        (
            "mirror of a whole host",
            "[[registry]]\nlocation = \"r.example\"\n[[registry.mirror]]\nlocation = \"{M2}\"\ninsecure = true\n".into(),
            "docker://r.example/inner/app:1".into(),
            Some(2),
        ),
        (
            "a mirror without location",
            with(&["[[registry.mirror]]\ninsecure = true\n".into()]),
            tagged.into(),
            None,
        ),
        ("both ways to say digests", by_digest(with(&[only("{M1}", "tag-only")])), tagged.into(), None),
        ("an unknown word", with(&[only("{M1}", "sometimes")]), tagged.into(), None),
    ];
    for (what, conf, image, want) in table {
        mirrors
            .world
            .configure("registries.conf", &mirrors.fill(&conf));
        let [theirs, ours] = mirrors.origins(&image);
        assert_eq!(theirs.0, want, "{what}, theirs: {}", theirs.1);
        assert_eq!(ours.0, want, "{what}, ours: {}", ours.1);
    }
}

#[test]
fn blocked_is_said_of_the_name() {
    let Some(mirrors) = Mirrors::new() else {
        return;
    };
    // docs/quirks/configuration.md: the original looks at the place that is contacted alone.
    let blocked = "[[registry]]\nlocation = \"{R}\"\nblocked = true\ninsecure = true\n";
    let elsewhere = PRIMARY.replace("insecure", "blocked = true\ninsecure");
    for (conf, image, theirs) in [
        (blocked.to_owned(), "docker://{R}/inner/app:1", None),
        (elsewhere, "docker://r.example/team/app:1", Some(0)),
        (
            format!("{blocked}{PRIMARY}"),
            "docker://r.example/team/app:1",
            None,
        ),
        // A mirror serves what is blocked at its source: that is what people block it for.
        (
            format!("{blocked}{}", mirror("{M1}", "").replace("/inner", "")),
            "docker://{R}/inner/app:1",
            Some(1),
        ),
    ] {
        mirrors
            .world
            .configure("registries.conf", &mirrors.fill(&conf));
        let got = mirrors.origins(image);
        assert_eq!(got[0].0, theirs, "{conf}: {}", got[0].1);
        let ours = theirs.filter(|place| *place != 0);
        assert_eq!(got[1].0, ours, "{conf}: {}", got[1].1);
    }
}

#[test]
fn failures_of_mirrors_are_told() {
    let Some(mirrors) = Mirrors::new() else {
        return;
    };
    let blocked = PRIMARY.replace("insecure", "blocked = true\ninsecure");
    for (primary, itself) in [(PRIMARY, "manifest unknown"), (&blocked, "is blocked")] {
        let conf = format!("{primary}{}{}", mirror("{DEAD}", ""), mirror("{M1}", ""));
        mirrors
            .world
            .configure("registries.conf", &mirrors.fill(&conf));
        let [_, (place, said)] = mirrors.origins("docker://r.example/team/nosuch:1");
        assert_eq!(place, None);
        for want in ["127.0.0.1:1/inner/nosuch", "refused", "404", itself] {
            assert!(said.contains(want), "{want}: {said}");
        }
        // The image is the same for all.
        let names = said.matches("docker://r.example/team/nosuch:1").count();
        assert!(names <= 2, "{said}");
    }
}

#[test]
fn what_is_no_reading_goes_to_the_place_that_was_named() {
    let Some(mirrors) = Mirrors::new() else {
        return;
    };
    let conf = mirrors.fill(
        "[[registry]]\nprefix = \"{R}\"\nlocation = \"{M2}\"\ninsecure = true\n\
         [[registry.mirror]]\nlocation = \"{M1}\"\ninsecure = true\n",
    );
    mirrors.world.configure("registries.conf", &conf);
    for (who, program) in BOTH {
        // Reading is sent elsewhere ...
        let image = "docker://{R}/inner/app:1";
        let got = mirrors.world.copy_to_dir(program, &[], image, "elsewhere");
        assert!(got.status.success(), "{who}: {}", text(&got.stderr));
        assert_eq!(
            mirrors.world.digest_of("elsewhere").as_ref(),
            Some(&mirrors.digests[1])
        );
        // ... writing, listing and what an image is called are not.
        let to = format!("docker://{{R}}/pushed:{who}");
        mirrors
            .world
            .ok(program, &["copy", "-q", "oci:{D}/layout:one", &to]);
    }
    mirrors.world.configure("registries.conf", "");
    let args = ["list-tags", "--tls-verify=false", "docker://{R}/pushed"];
    let tags = mirrors.world.ok(THEIRS, &args);
    assert!(tags.contains("theirs") && tags.contains("ours"), "{tags}");
    mirrors.world.configure("registries.conf", &conf);
    mirrors
        .world
        .compare(&row("list-tags docker://{R}/pushed", Stdout::Equal));
    mirrors
        .world
        .compare(&quirk("list-tags docker://{R}/nosuch", Stdout::Equal, 2));
    mirrors.world.compare(&row(
        "inspect docker://{R}/inner/app:1",
        Stdout::WithoutLayersData,
    ));
    mirrors.world.compare(&row(
        "inspect --raw docker://{R}/inner/app:1",
        Stdout::Equal,
    ));
    // Credentials are for the host that was named, not for its mirror: nothing asks for any here,
    // but a wrong one must not be in the way either.
    mirrors.world.ok(
        OURS,
        &[
            "inspect",
            "--creds",
            "user:wrong",
            "--no-tags",
            "docker://{R}/inner/app:1",
        ],
    );
}

#[test]
fn a_location_without_tls_does_not_excuse_the_name_from_it() {
    let Some(mirrors) = Mirrors::new() else {
        return;
    };
    let conf = mirrors.fill(
        "[[registry]]\nprefix = \"{R}\"\nlocation = \"{M1}/inner\"\n\
         [[registry]]\nlocation = \"{M1}\"\ninsecure = true\n",
    );
    mirrors.world.configure("registries.conf", &conf);
    for (who, program) in BOTH {
        let to = mirrors.fill("docker://{R}/plain:1");
        for args in [
            &["copy", "-q", "oci:{D}/layout:one", &to][..],
            &["list-tags", &to[..to.len() - 2]],
        ] {
            let output = mirrors.world.run(program, args);
            assert!(!output.status.success(), "{who} {args:?}");
        }
    }
}
