//! Names that hide what lower layers have (image-spec, layer.md, "Whiteouts").

use super::entry::EntryKind;
use super::path::LayerPath;
use crate::member::Rule;

const PREFIX: &[u8] = b".wh.";
const AUFS_PREFIX: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Reads `path` as a whiteout. `None` when it is an ordinary name.
///
/// `plain` tells whether the entry is an empty regular file, the only kind a whiteout has.
pub(super) fn read(path: &LayerPath, plain: bool) -> Result<Option<(LayerPath, EntryKind)>, Rule> {
    let mut components = path.components();
    let Some(name) = components.next_back() else {
        return Ok(None);
    };
    if components.any(|component| component.starts_with(PREFIX)) {
        return Err(Rule::WhiteoutComponent);
    }
    let Some(hidden) = name.strip_prefix(PREFIX) else {
        return Ok(None);
    };
    if !plain {
        return Err(Rule::WhiteoutKind);
    }
    if name == OPAQUE {
        return Ok(Some((
            path.parent().unwrap_or_default(),
            EntryKind::OpaqueDir,
        )));
    }
    if name.starts_with(AUFS_PREFIX) {
        return Err(Rule::AufsName);
    }
    if matches!(hidden, b"" | b"." | b"..") {
        return Err(Rule::WhiteoutName);
    }
    Ok(Some((path.with_file_name(hidden), EntryKind::Whiteout)))
}

/// Refuses a path that no file of a layer can have.
pub(super) fn check_target(path: &LayerPath) -> Result<(), Rule> {
    if path
        .components()
        .any(|component| component.starts_with(PREFIX))
    {
        return Err(Rule::WhiteoutComponent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> LayerPath {
        LayerPath::parse(name.as_bytes()).unwrap()
    }

    #[test]
    fn whiteouts_are_told_apart() {
        let hides = |name| Ok(Some((path(name), EntryKind::Whiteout)));
        let empties = |name: &[u8]| {
            let path = if name.is_empty() {
                LayerPath::root()
            } else {
                LayerPath::parse(name).unwrap()
            };
            Ok(Some((path, EntryKind::OpaqueDir)))
        };
        for (name, want) in [
            ("a", Ok(None)),
            ("a.wh.b", Ok(None)),
            (".wh", Ok(None)),
            (".wh.a", hides("a")),
            ("d/.wh.a", hides("d/a")),
            ("d/.wh.....", hides("d/....")),
            ("d/.wh..hidden", hides("d/.hidden")),
            (".wh..wh..opq", empties(b"")),
            ("d/e/.wh..wh..opq", empties(b"d/e")),
            (".wh.", Err(Rule::WhiteoutName)),
            ("d/.wh..", Err(Rule::WhiteoutName)),
            (".wh...", Err(Rule::WhiteoutName)),
            (".wh..wh.", Err(Rule::AufsName)),
            (".wh..wh.plnk", Err(Rule::AufsName)),
            (".wh..wh..opq.", Err(Rule::AufsName)),
            (".wh.d/a", Err(Rule::WhiteoutComponent)),
            ("a/.wh.d/.wh.b", Err(Rule::WhiteoutComponent)),
        ] {
            assert_eq!(read(&path(name), true), want, "{name}");
        }
        for name in [".wh.a", ".wh..wh..opq", ".wh."] {
            assert_eq!(read(&path(name), false), Err(Rule::WhiteoutKind), "{name}");
        }
        assert_eq!(read(&path("a"), false), Ok(None));
        assert_eq!(read(&LayerPath::root(), false), Ok(None));
    }
}
