//! Whether a name falls under a prefix of registries.conf.

/// Returns how much of `name` (`HOST[:PORT]/PATH`) the prefix stands for, or `None` when it is no
/// prefix of the name. A prefix ends where a component does; `*.DOMAIN` stands for all hosts below
/// a domain.
///
/// As in the original, a host without port also stands for the same host with any port.
pub(super) fn prefix(name: &str, prefix: &str) -> Option<usize> {
    let length = if let Some(domain) = prefix.strip_prefix('*').filter(|d| d.starts_with('.')) {
        let host = name.split(['/', ':', '@']).next().unwrap_or_default();
        // `*.a.example` is not for `.a.example`, which no name starts with, nor for `a.example`.
        if !host.ends_with(domain) {
            return None;
        }
        host.len()
    } else {
        if !name.starts_with(prefix) {
            return None;
        }
        prefix.len()
    };
    match name.as_bytes().get(length) {
        None | Some(b'/' | b':' | b'@') => Some(length),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn a_prefix_ends_where_a_component_does() {
        let table = [
            ("a.example/b/c", "a.example", Some(9)),
            ("a.example/b/c", "a.example/b", Some(11)),
            ("a.example/b/c", "a.example/b/c", Some(13)),
            ("a.example/b/c", "a.example/b/c/d", None),
            ("a.example.evil/b", "a.example", None),
            ("a.example/bc", "a.example/b", None),
            ("a.example:5000/b", "a.example", Some(9)),
            ("a.example:5000/b", "a.example:5000", Some(14)),
            ("a.example/b", "a.example:5000", None),
            ("x.a.example/b", "*.a.example", Some(11)),
            ("x.y.a.example:5000/b", "*.a.example", Some(13)),
            ("a.example/b", "*.a.example", None),
            ("xa.example/b", "*.a.example", None),
            ("x.a.example.evil/b", "*.a.example", None),
            ("evil/x.a.example/b", "*.a.example", None),
        ];
        for (name, of, want) in table {
            assert_eq!(prefix(name, of), want, "{name} under {of}");
        }
    }
}
