//! Names within a layer.

use std::fmt;

use crate::member::Rule;

/// Longest name of a file or directory, in bytes (Linux's `NAME_MAX`).
pub const COMPONENT_BYTES: usize = 255;
/// Longest path within a layer, in bytes (Linux's `PATH_MAX`).
pub const PATH_BYTES: usize = 4096;

/// A path below the root of a layer: components joined by `/`, none of them empty, `.` or `..`,
/// without NUL, not necessarily UTF-8. The root itself is the empty path.
///
/// `/a`, `./a` and `a//./` are all `a`: that is what every reader of layers makes of them.
/// `..` is refused and never resolved, as readers do not agree on what it would mean.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LayerPath(Vec<u8>);

impl LayerPath {
    /// Returns the root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a name of a tar entry.
    ///
    /// # Errors
    /// An empty name, NUL, a `..` component, a component over [`COMPONENT_BYTES`], a path over
    /// [`PATH_BYTES`].
    pub fn parse(name: &[u8]) -> Result<Self, Rule> {
        if name.is_empty() {
            return Err(Rule::EmptyName);
        }
        if name.contains(&0) {
            return Err(Rule::NulInName);
        }
        let mut path = Vec::with_capacity(name.len());
        for component in name.split(|&b| b == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return Err(Rule::ParentComponent),
                _ => {}
            }
            if component.len() > COMPONENT_BYTES {
                return Err(Rule::LongComponent {
                    bytes: component.len(),
                });
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(component);
        }
        if path.len() > PATH_BYTES {
            return Err(Rule::LongPath { bytes: path.len() });
        }
        Ok(Self(path))
    }

    /// Returns the bytes, without a slash at either end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the components from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|&b| b == b'/')
            .filter(|component| !component.is_empty())
    }

    /// Returns the last component; the root has none.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// Returns the directory that holds this; the root has none.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// Replaces the last component; `name` must be a component already checked.
    pub(crate) fn with_file_name(&self, name: &[u8]) -> Self {
        let mut path = self.parent().unwrap_or_default().0;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Self(path)
    }
}

impl AsRef<[u8]> for LayerPath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Printed with everything but printable ASCII escaped: names are foreign, terminals obey.
impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        for (name, want) in [
            ("a", "a"),
            ("/a", "a"),
            ("///a//b/", "a/b"),
            ("./a/./b", "a/b"),
            (".", ""),
            ("/", ""),
            ("./", ""),
            ("...", "..."),
            ("..a/b..", "..a/b.."),
        ] {
            let path = LayerPath::parse(name.as_bytes()).unwrap();
            assert_eq!(path.as_bytes(), want.as_bytes(), "{name}");
            assert_eq!(path.is_root(), want.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_no_path_may_be_is_refused() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(2049);
        for (name, want) in [
            ("", "empty name"),
            ("..", "`..`"),
            ("a/../b", "`..`"),
            ("/..", "`..`"),
            ("a/..", "`..`"),
            ("a\0b", "NUL"),
            (long.as_str(), "256 bytes"),
            (deep.as_str(), "4097 bytes"),
        ] {
            let rule = LayerPath::parse(name.as_bytes()).unwrap_err();
            assert!(rule.to_string().contains(want), "{name}: {rule}");
        }
        assert!(LayerPath::parse(&b"x/".repeat(2048)).is_ok());
        assert!(LayerPath::parse(&[b'x'; 255]).is_ok());
        assert!(LayerPath::parse(b"\xff\xfe").is_ok());
    }

    #[test]
    fn parents_and_names() {
        let path = LayerPath::parse(b"a/b/c").unwrap();
        assert_eq!(path.file_name(), Some(&b"c"[..]));
        assert_eq!(path.parent().unwrap().as_bytes(), b"a/b");
        assert_eq!(path.with_file_name(b"d").as_bytes(), b"a/b/d");
        let top = LayerPath::parse(b"a").unwrap();
        assert!(top.parent().unwrap().is_root());
        assert_eq!(top.with_file_name(b"d").as_bytes(), b"d");
        assert!(LayerPath::root().parent().is_none());
        assert_eq!(
            LayerPath::parse(b"a\x1b[2J").unwrap().to_string(),
            "a\\x1b[2J"
        );
    }
}
