//! Who the container's process runs as: `Config.User` of the image, resolved from the bytes of
//! `/etc/passwd` and `/etc/group` (image-spec, conversion.md, "Config.User").
//!
//! Both files are the image's and so hostile. The rules, each of them the answer to a published
//! attack: a text of digits only is a number and never a name; a number that does not fit is
//! refused and never looked up (CVE-2026-46680); a line whose numbers do not parse counts for
//! nothing (others read them as 0, which is root); a file has at most 1 MiB and a user at most
//! 1,000 groups; the primary group is also among the supplementary ones (CVE-2022-2989).

/// Most bytes of `/etc/passwd` or `/etc/group`.
pub const DATABASE_BYTES: usize = 1 << 20;
/// Most supplementary groups of one user.
pub const GROUPS: usize = 1_000;
/// Most bytes of a user text.
const SPEC_BYTES: usize = 512;
/// `(uid_t) -1` means "leave as it is" to the kernel and is nobody's number.
const NO_ID: u32 = u32::MAX;

/// Why a user could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// A database is too large.
    #[error("{file} has {bytes} bytes, more than {DATABASE_BYTES}")]
    DatabaseTooLarge {
        /// Which file.
        file: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// The text is not of the form `USER[:GROUP]`.
    #[error("user {text:?} is not of the form USER[:GROUP]")]
    Malformed {
        /// The text.
        text: String,
    },
    /// A number is not below 2^32 - 1.
    #[error("{text:?} is no user or group number (0 to 4294967294)")]
    NumberTooLarge {
        /// The digits.
        text: String,
    },
    /// There is a name and nothing to find it in.
    #[error("name {name:?} needs the image's /etc/passwd and /etc/group, which were not given")]
    NoDatabase {
        /// The name.
        name: String,
    },
    /// The name is not in the database.
    #[error("user {name:?} is not in the image's /etc/passwd")]
    UnknownUser {
        /// The name.
        name: String,
    },
    /// The name is not in the database.
    #[error("group {name:?} is not in the image's /etc/group")]
    UnknownGroup {
        /// The name.
        name: String,
    },
    /// The user is in more groups than anybody needs.
    #[error("user {name:?} is in more than {GROUPS} groups")]
    TooManyGroups {
        /// The name.
        name: String,
    },
}

/// The bytes of the image's `/etc/passwd` and `/etc/group`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserDatabase<'a> {
    passwd: Option<&'a [u8]>,
    group: Option<&'a [u8]>,
}

impl<'a> UserDatabase<'a> {
    /// A root file system that was not looked at; only numbers (and `root`) can be resolved.
    pub const UNKNOWN: UserDatabase<'static> = UserDatabase {
        passwd: None,
        group: None,
    };

    /// Takes the two files; a file that is missing in the root is empty.
    ///
    /// # Errors
    /// A file of more than [`DATABASE_BYTES`].
    pub fn new(passwd: &'a [u8], group: &'a [u8]) -> Result<Self, UserError> {
        for (file, bytes) in [("/etc/passwd", passwd), ("/etc/group", group)] {
            if bytes.len() > DATABASE_BYTES {
                return Err(UserError::DatabaseTooLarge {
                    file,
                    bytes: bytes.len(),
                });
            }
        }
        Ok(Self {
            passwd: Some(passwd),
            group: Some(group),
        })
    }
}

/// A user as the kernel wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedUser {
    /// The user number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All groups that the process is in, sorted, the primary one included.
    pub additional_gids: Vec<u32>,
    /// The home directory, where the database has an absolute one without control characters.
    pub home: Option<String>,
}

/// Resolves `USER[:GROUP]`; the empty text is user 0.
///
/// Without a group the user's own primary and supplementary groups count, with one only that.
/// A number that the database does not have is used as it is, in group 0, as podman and docker do.
///
/// # Errors
/// See [`UserError`].
pub fn resolve(text: &str, database: &UserDatabase<'_>) -> Result<ResolvedUser, UserError> {
    let malformed = || UserError::Malformed {
        text: text.chars().take(64).collect(),
    };
    if text.len() > SPEC_BYTES || text.chars().any(char::is_control) {
        return Err(malformed());
    }
    let (user, group) = match text.split_once(':') {
        None => (text, None),
        Some((user, group)) => (user, Some(group)),
    };
    if group.is_some_and(|group| group.contains(':')) {
        return Err(malformed());
    }
    let user = if user.is_empty() { "0" } else { user };

    let number = number(user)?;
    let entry = database
        .passwd
        .into_iter()
        .flat_map(passwd_entries)
        .find(|entry| match number {
            Some(uid) => entry.uid == uid,
            None => entry.name == user.as_bytes(),
        });
    let uid = match (&entry, number) {
        (Some(entry), _) => entry.uid,
        (None, Some(uid)) => uid,
        (None, None) if database.passwd.is_some() => {
            return Err(UserError::UnknownUser {
                name: user.to_owned(),
            });
        }
        (None, None) if user == "root" => 0,
        (None, None) => {
            return Err(UserError::NoDatabase {
                name: user.to_owned(),
            });
        }
    };

    let (gid, additional_gids) = match group {
        Some(group) if !group.is_empty() => {
            let gid = resolve_group(group, database)?;
            (gid, vec![gid])
        }
        _ => {
            let gid = entry.as_ref().map_or(0, |entry| entry.gid);
            let mut gids = vec![gid];
            if let Some(entry) = &entry {
                for group in database.group.into_iter().flat_map(group_entries) {
                    if group.has_member(entry.name) {
                        gids.push(group.gid);
                    }
                    if gids.len() > GROUPS {
                        return Err(UserError::TooManyGroups {
                            name: user.to_owned(),
                        });
                    }
                }
            }
            gids.sort_unstable();
            gids.dedup();
            (gid, gids)
        }
    };
    let home = entry.and_then(|entry| entry.home());
    Ok(ResolvedUser {
        uid,
        gid,
        additional_gids,
        home,
    })
}

fn resolve_group(group: &str, database: &UserDatabase<'_>) -> Result<u32, UserError> {
    if let Some(gid) = number(group)? {
        return Ok(gid);
    }
    match database.group {
        Some(bytes) => group_entries(bytes)
            .find(|entry| entry.name == group.as_bytes())
            .map(|entry| entry.gid)
            .ok_or_else(|| UserError::UnknownGroup {
                name: group.to_owned(),
            }),
        None if group == "root" => Ok(0),
        None => Err(UserError::NoDatabase {
            name: group.to_owned(),
        }),
    }
}

/// Digits only are a number, whatever the database says.
fn number(text: &str) -> Result<Option<u32>, UserError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(number) if number != NO_ID => Ok(Some(number)),
        _ => Err(UserError::NumberTooLarge {
            text: text.chars().take(64).collect(),
        }),
    }
}

struct PasswdEntry<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

impl PasswdEntry<'_> {
    fn home(&self) -> Option<String> {
        let home = std::str::from_utf8(self.home).ok()?;
        let usable = home.starts_with('/') && !home.chars().any(char::is_control);
        usable.then(|| home.to_owned())
    }
}

struct GroupEntry<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

impl GroupEntry<'_> {
    fn has_member(&self, user: &[u8]) -> bool {
        self.members
            .split(|b| *b == b',')
            .any(|member| member == user)
    }
}

fn passwd_entries(bytes: &[u8]) -> impl Iterator<Item = PasswdEntry<'_>> {
    lines(bytes).filter_map(|line| {
        let fields: Vec<&[u8]> = line.splitn(8, |b| *b == b':').collect();
        let [name, _password, uid, gid, _gecos, home, _shell] = fields[..] else {
            return None;
        };
        Some(PasswdEntry {
            name,
            uid: field_number(uid)?,
            gid: field_number(gid)?,
            home,
        })
    })
}

fn group_entries(bytes: &[u8]) -> impl Iterator<Item = GroupEntry<'_>> {
    lines(bytes).filter_map(|line| {
        let fields: Vec<&[u8]> = line.splitn(5, |b| *b == b':').collect();
        let [name, _password, gid, members] = fields[..] else {
            return None;
        };
        Some(GroupEntry {
            name,
            gid: field_number(gid)?,
            members,
        })
    })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn field_number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field)
        .ok()
        .and_then(|text| number(text).ok().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
        # comment:x:0:0::/:\n\
        short:x:5\n\
        overflow:x:4294967296:0::/:/bin/sh\n\
        minus:x:4294967295:0::/:/bin/sh\n\
        notnum:x:abc:0::/:/bin/sh\n\
        signed:x:+0:0::/:/bin/sh\n\
        4294967296:x:0:0::/:/bin/sh\n\
        77:x:0:0::/:/bin/sh\n\
        web:x:100:101:w:/home/web:/bin/sh\n\
        web:x:0:0:second:/:/bin/sh\n\
        nul\0:x:8:8::/:/bin/sh\n\
        badhome:x:9:9::/a\x07b:/bin/sh\n\
        relhome:x:10:10::home:/bin/sh\n\
        many:a:x:1:1::/:/bin/sh\n\
        max:x:4294967294:4294967294::/:";
    const GROUP: &[u8] = b"root:x:0:\nweb:x:101:\nextra:x:200:other,web\nagain:x:200:web\nbad:x:xx:web\nlate:x:50:web,x";

    #[test]
    fn users() {
        let all = UserDatabase::new(PASSWD, GROUP).unwrap();
        let none = UserDatabase::UNKNOWN;
        type Want = Result<(u32, u32, &'static [u32]), &'static str>;
        let table: &[(&str, &UserDatabase<'_>, Want)] = &[
            ("", &all, Ok((0, 0, &[0]))),
            ("root", &all, Ok((0, 0, &[0]))),
            ("web", &all, Ok((100, 101, &[50, 101, 200]))),
            ("web:", &all, Ok((100, 101, &[50, 101, 200]))),
            ("100", &all, Ok((100, 101, &[50, 101, 200]))),
            ("00100", &all, Ok((100, 101, &[50, 101, 200]))),
            ("web:extra", &all, Ok((100, 200, &[200]))),
            ("web:7", &all, Ok((100, 7, &[7]))),
            (":extra", &all, Ok((0, 200, &[200]))),
            ("1234", &all, Ok((1234, 0, &[0]))),
            ("77", &all, Ok((77, 0, &[0]))),
            ("1234:5", &none, Ok((1234, 5, &[5]))),
            ("root", &none, Ok((0, 0, &[0]))),
            ("", &none, Ok((0, 0, &[0]))),
            (
                "max",
                &all,
                Ok((u32::MAX - 1, u32::MAX - 1, &[u32::MAX - 1])),
            ),
            ("4294967296", &all, Err("no user or group number")),
            ("4294967295", &all, Err("no user or group number")),
            ("0:4294967295", &all, Err("no user or group number")),
            (
                "99999999999999999999999",
                &all,
                Err("no user or group number"),
            ),
            ("short", &all, Err("not in the image's /etc/passwd")),
            ("overflow", &all, Err("not in the image's /etc/passwd")),
            ("minus", &all, Err("not in the image's /etc/passwd")),
            ("notnum", &all, Err("not in the image's /etc/passwd")),
            ("signed", &all, Err("not in the image's /etc/passwd")),
            ("many", &all, Err("not in the image's /etc/passwd")),
            ("+0", &all, Err("not in the image's /etc/passwd")),
            ("-1", &all, Err("not in the image's /etc/passwd")),
            ("web:bad", &all, Err("not in the image's /etc/group")),
            ("web", &none, Err("were not given")),
            ("0:web", &none, Err("were not given")),
            ("web:extra:more", &all, Err("not of the form")),
            ("web\n", &all, Err("not of the form")),
            ("nul\0", &all, Err("not of the form")),
        ];
        for (text, database, want) in table {
            match (resolve(text, database), want) {
                (Ok(got), Ok((uid, gid, gids))) => {
                    assert_eq!(
                        (got.uid, got.gid, &got.additional_gids[..]),
                        (*uid, *gid, *gids),
                        "{text:?}"
                    );
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{text:?}: {error}");
                }
                (got, want) => panic!("{text:?}: got {got:?}, want {want:?}"),
            }
        }
    }

    #[test]
    fn homes_that_could_break_a_line_are_dropped() {
        let database = UserDatabase::new(PASSWD, GROUP).unwrap();
        let home = |user: &str| resolve(user, &database).unwrap().home;
        assert_eq!(home("web").as_deref(), Some("/home/web"));
        assert_eq!(home("badhome"), None);
        assert_eq!(home("relhome"), None);
    }

    #[test]
    fn sizes_are_bounded() {
        let large = vec![b'a'; DATABASE_BYTES + 1];
        assert!(matches!(
            UserDatabase::new(&large, b""),
            Err(UserError::DatabaseTooLarge {
                file: "/etc/passwd",
                ..
            })
        ));
        assert!(matches!(
            UserDatabase::new(b"", &large),
            Err(UserError::DatabaseTooLarge {
                file: "/etc/group",
                ..
            })
        ));
        let groups: String = (0..1_000)
            .map(|n| format!("g{n}:x:{}:u\n", n + 1_000))
            .collect();
        let database = UserDatabase::new(b"u:x:1:1::/:", groups.as_bytes()).unwrap();
        assert!(matches!(
            resolve("u", &database),
            Err(UserError::TooManyGroups { .. })
        ));
    }
}
