//! Invariant: whatever `/etc/passwd` and `/etc/group` hold, a user is resolved or refused without
//! a panic; the groups are sorted, the primary one among them; a home is an absolute path without
//! control characters; and a user that is given by numbers has these numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_spec::user::{UserDatabase, resolve};

fuzz_target!(|input: &[u8]| {
    // USER NUL passwd NUL group
    let mut parts = input.splitn(3, |&byte| byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (user, passwd, group) = (part(), part(), part());
    let Ok(database) = UserDatabase::new(passwd, group) else {
        return;
    };
    let user = String::from_utf8_lossy(user);
    for text in [user.as_ref(), "", "root", "7:8", "user:group"] {
        let Ok(found) = resolve(text, &database) else {
            continue;
        };
        assert!(found.additional_gids.is_sorted());
        assert!(found.additional_gids.contains(&found.gid));
        if let Some(home) = &found.home {
            assert!(home.starts_with('/') && !home.chars().any(char::is_control));
        }
        if text == "7:8" {
            assert_eq!((found.uid, found.gid), (7, 8));
        }
    }
});
