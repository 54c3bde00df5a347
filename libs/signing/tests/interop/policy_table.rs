//! The policies of [`crate::policies`]: fragments, each put where it belongs.

const REJECT: &str = r#"[{"type":"reject"}]"#;

/// Returns names and texts.
pub(crate) fn table() -> Vec<(String, Vec<u8>)> {
    let mut table: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, text: String| table.push((name.to_owned(), text.into_bytes()));

    for (name, text) in DOCUMENTS {
        add(name, (*text).to_owned());
    }
    for (name, list) in LISTS {
        add(name, format!(r#"{{"default":{list}}}"#));
    }
    for (name, requirement) in REQUIREMENTS {
        add(name, format!(r#"{{"default":[{requirement}]}}"#));
    }
    for (name, members) in SIGNED_BY {
        add(
            name,
            format!(r#"{{"default":[{{"type":"signedBy",{members}}}]}}"#),
        );
    }
    for (name, members) in SIGSTORE {
        add(
            name,
            format!(r#"{{"default":[{{"type":"sigstoreSigned",{members}}}]}}"#),
        );
    }
    for (name, identity) in IDENTITIES {
        add(
            &format!("identity {name}"),
            format!(
                r#"{{"default":[{{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","signedIdentity":{identity}}}]}}"#
            ),
        );
    }
    for (name, transports) in TRANSPORTS {
        add(
            name,
            format!(r#"{{"default":{REJECT},"transports":{transports}}}"#),
        );
    }
    for (transport, scope) in SCOPES {
        add(
            &format!("scope {transport} {scope}"),
            format!(
                r#"{{"default":{REJECT},"transports":{{"{transport}":{{"{scope}":{REJECT}}}}}}}"#
            ),
        );
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    add(
        "deep nesting in an unknown member",
        format!(
            r#"{{"default":{REJECT},"transports":{{"docker":{{"a":[{{"type":"reject","x":{deep}}}]}}}}}}"#
        ),
    );
    let mut invalid = br#"{"default":[{"type":"reject"}],"transports":{"docker":{"a"#.to_vec();
    invalid.extend(b"\xff\":[{\"type\":\"reject\"}]}}}");
    table.push(("invalid UTF-8 in a scope".to_owned(), invalid));
    table
}

const DOCUMENTS: &[(&str, &str)] = &[
    ("empty file", ""),
    ("blank file", " \n"),
    ("not JSON", "default: accept"),
    ("null", "null"),
    ("array", "[]"),
    ("string", "\"default\""),
    ("number", "1"),
    ("empty object", "{}"),
    ("only transports", r#"{"transports":{}}"#),
    ("trailing object", r#"{"default":[{"type":"reject"}]}{}"#),
    ("trailing word", r#"{"default":[{"type":"reject"}]} x"#),
    ("trailing comma", r#"{"default":[{"type":"reject"}],}"#),
    (
        "trailing spaces",
        "{\"default\":[{\"type\":\"reject\"}]} \n\t",
    ),
    ("leading spaces", " \n{\"default\":[{\"type\":\"reject\"}]}"),
    (
        "byte order mark",
        "\u{feff}{\"default\":[{\"type\":\"reject\"}]}",
    ),
    ("comment", "// c\n{\"default\":[{\"type\":\"reject\"}]}"),
    ("single quotes", "{'default':[{'type':'reject'}]}"),
    ("unclosed", r#"{"default":[{"type":"reject"}]"#),
    ("key without value", r#"{"default"}"#),
    (
        "unknown top member",
        r#"{"default":[{"type":"reject"}],"x":1}"#,
    ),
    (
        "top member in capitals",
        r#"{"Default":[{"type":"reject"}]}"#,
    ),
    (
        "top member in both cases",
        r#"{"default":[{"type":"reject"}],"Default":[{"type":"insecureAcceptAnything"}]}"#,
    ),
    (
        "default twice",
        r#"{"default":[{"type":"reject"}],"default":[{"type":"reject"}]}"#,
    ),
    (
        "default twice by escape",
        r#"{"default":[{"type":"reject"}],"def\u0061ult":[{"type":"reject"}]}"#,
    ),
    (
        "default by escape",
        r#"{"def\u0061ult":[{"type":"reject"}]}"#,
    ),
    (
        "transports twice",
        r#"{"default":[{"type":"reject"}],"transports":{},"transports":{}}"#,
    ),
    (
        "empty member name",
        r#"{"default":[{"type":"reject"}],"":1}"#,
    ),
    (
        "no transports",
        r#"{"default":[{"type":"reject"}],"transports":{}}"#,
    ),
    (
        "control character",
        "{\"default\":[{\"type\":\"re\u{1}ject\"}]}",
    ),
];

const LISTS: &[(&str, &str)] = &[
    ("default null", "null"),
    ("default empty", "[]"),
    ("default object", r#"{"type":"reject"}"#),
    ("default string", r#""reject""#),
    ("default number", "0"),
    ("default true", "true"),
    ("default holds null", "[null]"),
    ("default holds string", r#"["reject"]"#),
    ("default holds array", r#"[[{"type":"reject"}]]"#),
    ("default holds empty object", "[{}]"),
    ("default with trailing comma", r#"[{"type":"reject"},]"#),
    (
        "default of two",
        r#"[{"type":"reject"},{"type":"insecureAcceptAnything"}]"#,
    ),
    (
        "default good then bad",
        r#"[{"type":"reject"},{"type":"bad"}]"#,
    ),
];

const REQUIREMENTS: &[(&str, &str)] = &[
    ("reject", r#"{"type":"reject"}"#),
    (
        "insecureAcceptAnything",
        r#"{"type":"insecureAcceptAnything"}"#,
    ),
    ("type empty", r#"{"type":""}"#),
    ("type null", r#"{"type":null}"#),
    ("type number", r#"{"type":1}"#),
    ("type array", r#"{"type":["reject"]}"#),
    ("type unknown", r#"{"type":"accept"}"#),
    ("type in capitals", r#"{"type":"Reject"}"#),
    ("type with space", r#"{"type":"reject "}"#),
    ("type key in capitals", r#"{"Type":"reject"}"#),
    ("type twice", r#"{"type":"reject","type":"reject"}"#),
    (
        "type in both cases",
        r#"{"type":"reject","Type":"insecureAcceptAnything"}"#,
    ),
    ("reject with member", r#"{"type":"reject","x":1}"#),
    ("reject with null member", r#"{"type":"reject","x":null}"#),
    (
        "reject with keyType",
        r#"{"type":"reject","keyType":"GPGKeys"}"#,
    ),
    (
        "insecureAcceptAnything with member",
        r#"{"type":"insecureAcceptAnything","keyPath":"/k"}"#,
    ),
    (
        "signedBaseLayer",
        r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"}}"#,
    ),
    (
        "signedBaseLayer without identity",
        r#"{"type":"signedBaseLayer"}"#,
    ),
    (
        "signedBaseLayer null identity",
        r#"{"type":"signedBaseLayer","baseLayerIdentity":null}"#,
    ),
    (
        "signedBaseLayer bad identity",
        r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"x"}}"#,
    ),
    (
        "signedBaseLayer with member",
        r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"},"x":1}"#,
    ),
];

const SIGNED_BY: &[(&str, &str)] = &[
    ("signedBy keyPath", r#""keyType":"GPGKeys","keyPath":"/k""#),
    (
        "signedBy relative keyPath",
        r#""keyType":"GPGKeys","keyPath":"k""#,
    ),
    (
        "signedBy keyPaths",
        r#""keyType":"GPGKeys","keyPaths":["/k","/l"]"#,
    ),
    (
        "signedBy keyPaths empty",
        r#""keyType":"GPGKeys","keyPaths":[]"#,
    ),
    (
        "signedBy keyPaths holds empty",
        r#""keyType":"GPGKeys","keyPaths":[""]"#,
    ),
    (
        "signedBy keyPaths holds null",
        r#""keyType":"GPGKeys","keyPaths":[null]"#,
    ),
    (
        "signedBy keyPaths holds number",
        r#""keyType":"GPGKeys","keyPaths":[1]"#,
    ),
    (
        "signedBy keyPaths is a string",
        r#""keyType":"GPGKeys","keyPaths":"/k""#,
    ),
    (
        "signedBy keyPaths is null",
        r#""keyType":"GPGKeys","keyPaths":null"#,
    ),
    (
        "signedBy keyData",
        r#""keyType":"GPGKeys","keyData":"YWJj""#,
    ),
    (
        "signedBy keyData empty",
        r#""keyType":"GPGKeys","keyData":"""#,
    ),
    (
        "signedBy keyData null",
        r#""keyType":"GPGKeys","keyData":null"#,
    ),
    (
        "signedBy keyData with line breaks",
        r#""keyType":"GPGKeys","keyData":"YW\nJj\r\n""#,
    ),
    (
        "signedBy keyData with space",
        r#""keyType":"GPGKeys","keyData":"YW Jj""#,
    ),
    (
        "signedBy keyData without padding",
        r#""keyType":"GPGKeys","keyData":"YQ""#,
    ),
    (
        "signedBy keyData with spare bits",
        r#""keyType":"GPGKeys","keyData":"YR==""#,
    ),
    (
        "signedBy keyData for URLs",
        r#""keyType":"GPGKeys","keyData":"_-_-""#,
    ),
    (
        "signedBy keyData is no base64",
        r#""keyType":"GPGKeys","keyData":"*""#,
    ),
    (
        "signedBy keyData is a number",
        r#""keyType":"GPGKeys","keyData":1"#,
    ),
    (
        "signedBy keyData is an array of bytes",
        r#""keyType":"GPGKeys","keyData":[97,98]"#,
    ),
    ("signedBy without keys", r#""keyType":"GPGKeys""#),
    (
        "signedBy keyPath and keyData",
        r#""keyType":"GPGKeys","keyPath":"/k","keyData":"YWJj""#,
    ),
    (
        "signedBy keyPath and keyPaths",
        r#""keyType":"GPGKeys","keyPath":"/k","keyPaths":["/k"]"#,
    ),
    (
        "signedBy keyPaths and keyData",
        r#""keyType":"GPGKeys","keyPaths":["/k"],"keyData":"YWJj""#,
    ),
    (
        "signedBy all three",
        r#""keyType":"GPGKeys","keyPath":"/k","keyPaths":["/k"],"keyData":"YWJj""#,
    ),
    (
        "signedBy keyPath and empty keyData",
        r#""keyType":"GPGKeys","keyPath":"/k","keyData":"""#,
    ),
    (
        "signedBy keyPath and null keyData",
        r#""keyType":"GPGKeys","keyPath":"/k","keyData":null"#,
    ),
    (
        "signedBy keyPath empty",
        r#""keyType":"GPGKeys","keyPath":"""#,
    ),
    (
        "signedBy keyPath null",
        r#""keyType":"GPGKeys","keyPath":null"#,
    ),
    (
        "signedBy keyPath number",
        r#""keyType":"GPGKeys","keyPath":5"#,
    ),
    (
        "signedBy keyPath array",
        r#""keyType":"GPGKeys","keyPath":["/k"]"#,
    ),
    (
        "signedBy keyPath twice",
        r#""keyType":"GPGKeys","keyPath":"/k","keyPath":"/k""#,
    ),
    (
        "signedBy keyDatas",
        r#""keyType":"GPGKeys","keyDatas":["YWJj"]"#,
    ),
    ("signedBy without keyType", r#""keyPath":"/k""#),
    ("signedBy keyType empty", r#""keyType":"","keyPath":"/k""#),
    ("signedBy keyType null", r#""keyType":null,"keyPath":"/k""#),
    (
        "signedBy keyType in small letters",
        r#""keyType":"gpgkeys","keyPath":"/k""#,
    ),
    (
        "signedBy keyType unknown",
        r#""keyType":"PGPKeys","keyPath":"/k""#,
    ),
    ("signedBy keyType number", r#""keyType":1,"keyPath":"/k""#),
    (
        "signedBy signedByGPGKeys",
        r#""keyType":"signedByGPGKeys","keyPath":"/k""#,
    ),
    (
        "signedBy X509Certificates",
        r#""keyType":"X509Certificates","keyPath":"/k""#,
    ),
    (
        "signedBy signedByX509CAs",
        r#""keyType":"signedByX509CAs","keyPath":"/k""#,
    ),
    (
        "signedBy unknown member",
        r#""keyType":"GPGKeys","keyPath":"/k","x":1"#,
    ),
    (
        "signedBy keypath in small letters",
        r#""keyType":"GPGKeys","keypath":"/k""#,
    ),
    (
        "signedBy signedIdentity twice",
        r#""keyType":"GPGKeys","keyPath":"/k","signedIdentity":{"type":"matchExact"},"signedIdentity":{"type":"matchExact"}"#,
    ),
];

const SIGSTORE: &[(&str, &str)] = &[
    ("sigstoreSigned keyPath", r#""keyPath":"/k""#),
    ("sigstoreSigned keyData", r#""keyData":"YWJj""#),
    (
        "sigstoreSigned with identity",
        r#""keyPath":"/k","signedIdentity":{"type":"matchRepository"}"#,
    ),
    (
        "sigstoreSigned without keys",
        r#""signedIdentity":{"type":"matchRepository"}"#,
    ),
    (
        "sigstoreSigned keyPath and keyData",
        r#""keyPath":"/k","keyData":"YWJj""#,
    ),
    ("sigstoreSigned keyPath is empty", r#""keyPath":"""#),
    ("sigstoreSigned keyPath is null", r#""keyPath":null"#),
    ("sigstoreSigned keyData is null", r#""keyData":null"#),
    ("sigstoreSigned keyPath is a number", r#""keyPath":1"#),
    (
        "sigstoreSigned keyType",
        r#""keyType":"GPGKeys","keyPath":"/k""#,
    ),
    ("sigstoreSigned unknown member", r#""keyPath":"/k","x":1"#),
    (
        "sigstoreSigned null identity",
        r#""keyPath":"/k","signedIdentity":null"#,
    ),
    ("sigstoreSigned keyPaths", r#""keyPaths":["/k"]"#),
    ("sigstoreSigned keyDatas", r#""keyDatas":["YWJj"]"#),
    (
        "sigstoreSigned with rekor key path",
        r#""keyPath":"/k","rekorPublicKeyPath":"/r""#,
    ),
    (
        "sigstoreSigned with rekor key data",
        r#""keyPath":"/k","rekorPublicKeyData":"YWJj""#,
    ),
    (
        "sigstoreSigned fulcio",
        r#""fulcio":{"caPath":"/c","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"/r""#,
    ),
    (
        "sigstoreSigned fulcio without rekor",
        r#""fulcio":{"caPath":"/c","oidcIssuer":"i","subjectEmail":"e"}"#,
    ),
    (
        "sigstoreSigned pki",
        r#""pki":{"caRootsPath":"/c","subjectEmail":"e"}"#,
    ),
    (
        "sigstoreSigned pki with intermediates",
        r#""pki":{"caRootsPath":"/c","caIntermediatesData":"YWJj","subjectHostname":"h"}"#,
    ),
    (
        "sigstoreSigned pki with rekor",
        r#""pki":{"caRootsPath":"/c","subjectEmail":"e"},"rekorPublicKeyPath":"/r""#,
    ),
];

const IDENTITIES: &[(&str, &str)] = &[
    ("matchExact", r#"{"type":"matchExact"}"#),
    (
        "matchRepoDigestOrExact",
        r#"{"type":"matchRepoDigestOrExact"}"#,
    ),
    ("matchRepository", r#"{"type":"matchRepository"}"#),
    ("null", "null"),
    ("string", r#""matchExact""#),
    ("array", r#"[{"type":"matchExact"}]"#),
    ("empty", "{}"),
    ("type unknown", r#"{"type":"matchAnything"}"#),
    ("type in capitals", r#"{"type":"MatchExact"}"#),
    (
        "type twice",
        r#"{"type":"matchExact","type":"matchRepository"}"#,
    ),
    (
        "matchExact with member",
        r#"{"type":"matchExact","dockerReference":"a:1"}"#,
    ),
    (
        "matchRepository with member",
        r#"{"type":"matchRepository","x":1}"#,
    ),
    (
        "matchRepoDigestOrExact with member",
        r#"{"type":"matchRepoDigestOrExact","x":1}"#,
    ),
    (
        "exactReference",
        r#"{"type":"exactReference","dockerReference":"r.example/a:1"}"#,
    ),
    (
        "exactReference short",
        r#"{"type":"exactReference","dockerReference":"a:1"}"#,
    ),
    (
        "exactReference by digest",
        r#"{"type":"exactReference","dockerReference":"a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
    ),
    (
        "exactReference by short digest",
        r#"{"type":"exactReference","dockerReference":"a@sha256:e3b0"}"#,
    ),
    (
        "exactReference name only",
        r#"{"type":"exactReference","dockerReference":"r.example/a"}"#,
    ),
    (
        "exactReference empty",
        r#"{"type":"exactReference","dockerReference":""}"#,
    ),
    (
        "exactReference null",
        r#"{"type":"exactReference","dockerReference":null}"#,
    ),
    ("exactReference missing", r#"{"type":"exactReference"}"#),
    (
        "exactReference in capitals",
        r#"{"type":"exactReference","dockerReference":"r.example/A:1"}"#,
    ),
    (
        "exactReference with member",
        r#"{"type":"exactReference","dockerReference":"a:1","dockerRepository":"a"}"#,
    ),
    (
        "exactRepository",
        r#"{"type":"exactRepository","dockerRepository":"r.example/a"}"#,
    ),
    (
        "exactRepository with tag",
        r#"{"type":"exactRepository","dockerRepository":"r.example/a:1"}"#,
    ),
    (
        "exactRepository empty",
        r#"{"type":"exactRepository","dockerRepository":""}"#,
    ),
    ("exactRepository missing", r#"{"type":"exactRepository"}"#),
    (
        "exactRepository bad",
        r#"{"type":"exactRepository","dockerRepository":"r.example/"}"#,
    ),
    (
        "exactRepository of hex",
        r#"{"type":"exactRepository","dockerRepository":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
    ),
    (
        "exactRepository number",
        r#"{"type":"exactRepository","dockerRepository":1}"#,
    ),
    (
        "remapIdentity hosts",
        r#"{"type":"remapIdentity","prefix":"m.example:5000","signedPrefix":"r.example"}"#,
    ),
    (
        "remapIdentity paths",
        r#"{"type":"remapIdentity","prefix":"m.example/a/b","signedPrefix":"r.example/c_d"}"#,
    ),
    (
        "remapIdentity one label",
        r#"{"type":"remapIdentity","prefix":"local","signedPrefix":"Remote"}"#,
    ),
    (
        "remapIdentity without signedPrefix",
        r#"{"type":"remapIdentity","prefix":"a.example"}"#,
    ),
    (
        "remapIdentity without prefix",
        r#"{"type":"remapIdentity","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity empty prefix",
        r#"{"type":"remapIdentity","prefix":"","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity null prefix",
        r#"{"type":"remapIdentity","prefix":null,"signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity tag",
        r#"{"type":"remapIdentity","prefix":"a.example/b:1","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity slash at the end",
        r#"{"type":"remapIdentity","prefix":"a.example/","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity two slashes",
        r#"{"type":"remapIdentity","prefix":"a.example//b","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity capitals in the path",
        r#"{"type":"remapIdentity","prefix":"a.example/B","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity dash in front",
        r#"{"type":"remapIdentity","prefix":"-a.example","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity underscore in the host",
        r#"{"type":"remapIdentity","prefix":"a_b/c","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity two dots",
        r#"{"type":"remapIdentity","prefix":"a..example","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity three underscores",
        r#"{"type":"remapIdentity","prefix":"a.example/b___c","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity dashes in the path",
        r#"{"type":"remapIdentity","prefix":"a.example/b---c","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity bad port",
        r#"{"type":"remapIdentity","prefix":"a.example:x","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity wildcard",
        r#"{"type":"remapIdentity","prefix":"*.example","signedPrefix":"a.example"}"#,
    ),
    (
        "remapIdentity with member",
        r#"{"type":"remapIdentity","prefix":"a.example","signedPrefix":"b.example","x":1}"#,
    ),
];

const TRANSPORTS: &[(&str, &str)] = &[
    ("transports null", "null"),
    ("transports array", "[]"),
    ("transports string", r#""docker""#),
    ("transport empty", r#"{"docker":{}}"#),
    ("transport null", r#"{"docker":null}"#),
    ("transport array", r#"{"docker":[{"type":"reject"}]}"#),
    ("transport twice", r#"{"docker":{},"docker":{}}"#),
    (
        "transport unknown",
        r#"{"future":{"anything at all":[{"type":"reject"}]}}"#,
    ),
    (
        "transport unknown with bad requirement",
        r#"{"future":{"x":[{"type":"nonsense"}]}}"#,
    ),
    (
        "transport unknown with empty list",
        r#"{"future":{"x":[]}}"#,
    ),
    (
        "transport with empty name",
        r#"{"":{"x":[{"type":"reject"}]}}"#,
    ),
    ("scope null", r#"{"docker":{"r.example":null}}"#),
    ("scope empty list", r#"{"docker":{"r.example":[]}}"#),
    (
        "scope object",
        r#"{"docker":{"r.example":{"type":"reject"}}}"#,
    ),
    (
        "scope twice",
        r#"{"docker":{"r.example":[{"type":"reject"}],"r.example":[{"type":"reject"}]}}"#,
    ),
    (
        "scope in both cases",
        r#"{"docker":{"r.example/a:v1":[{"type":"reject"}],"r.example/a:V1":[{"type":"reject"}]}}"#,
    ),
    (
        "scope bad requirement",
        r#"{"docker":{"r.example":[{"type":"x"}]}}"#,
    ),
    (
        "default scope of each",
        r#"{"docker":{"":[{"type":"reject"}]},"docker-archive":{"":[{"type":"reject"}]},"dir":{"":[{"type":"reject"}]},"containers-storage":{"":[{"type":"reject"}]}}"#,
    ),
    (
        "lone surrogate in a scope",
        r#"{"docker":{"\ud800":[{"type":"reject"}]}}"#,
    ),
];

const SCOPES: &[(&str, &str)] = &[
    ("docker", "r.example/app"),
    ("docker", "*.example"),
    ("docker", "not / a : reference"),
    ("docker-daemon", "docker.io/library/a:1"),
    (
        "docker-daemon",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    ("docker-archive", "/a"),
    ("tarball", "/a"),
    ("atomic", "h.example/ns/stream:tag"),
    ("atomic", "h.example/ns:tag"),
    ("atomic", "h.example/ns/stream/more"),
    ("dir", "/a/b"),
    ("dir", "/"),
    ("dir", "a"),
    ("dir", "/a/"),
    ("dir", "/a/../b"),
    ("oci", "/a/b"),
    ("oci", "a"),
    ("oci", "/a//b"),
    ("oci-archive", "/a.tar"),
    ("oci-archive", "./a.tar"),
    ("sif", "/a.sif"),
    ("sif", "/"),
    (
        "containers-storage",
        "[overlay@/var/lib/containers/storage]",
    ),
    (
        "containers-storage",
        "[/var/lib/containers/storage]docker.io/library/a",
    ),
    ("containers-storage", "/var/lib/containers/storage"),
    ("containers-storage", "[overlay@relative]"),
    ("containers-storage", "[]"),
    ("containers-storage", "[@/v]"),
    ("containers-storage", "[/v]a@b"),
    ("ostree", "anything"),
];
