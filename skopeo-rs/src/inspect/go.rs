//! What is inspected under the names of Go's fields, which templates use.

use serde_json::{Value, json};

/// The fields of what is inspected as Go's templates see them: none is absent, and the time is
/// printed by Go's `Time.String`.
pub(super) fn go_inspection(seen: &image::Inspection) -> anyhow::Result<Value> {
    let mut fields = serde_json::to_value(seen)?;
    fields["Name"] = seen.name.as_str().into();
    fields["Tag"] = seen.tag.as_str().into();
    fields["Labels"] = json!(seen.labels.clone().unwrap_or_default());
    fields["Env"] = json!(seen.env.clone().unwrap_or_default());
    fields["RepoTags"] = json!(seen.repo_tags.clone().unwrap_or_default());
    fields["LayersData"] = json!(seen.layers_data);
    fields["Created"] = match &seen.created {
        Some(created) => go_time(created).into(),
        None => "<nil>".into(),
    };
    Ok(fields)
}

/// An RFC 3339 time as Go prints a `time.Time`: `2020-01-01 00:00:00 +0000 UTC`.
fn go_time(text: &str) -> String {
    let Some((date, rest)) = text.split_once('T') else {
        return text.to_owned();
    };
    match rest.strip_suffix('Z') {
        Some(time) => format!("{date} {time} +0000 UTC"),
        None => match rest.rfind(['+', '-']).map(|at| rest.split_at(at)) {
            Some((time, zone)) => {
                let zone = zone.replace(':', "");
                format!("{date} {time} {zone} {zone}")
            }
            None => text.to_owned(),
        },
    }
}

/// The type of a Go field: what it is when the member of the JSON is absent.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    List,
    Map,
    Time,
    /// A structure or structures, which [`go_config`] fills in.
    Inner,
}

/// The fields of Go's `v1.Image`, which templates name, and the members of its JSON.
const FIELDS: [(&str, &str, Kind); 10] = [
    ("Created", "created", Kind::Time),
    ("Author", "author", Kind::Text),
    ("Architecture", "architecture", Kind::Text),
    ("Variant", "variant", Kind::Text),
    ("OS", "os", Kind::Text),
    ("OSVersion", "os.version", Kind::Text),
    ("OSFeatures", "os.features", Kind::List),
    ("Config", "config", Kind::Inner),
    ("RootFS", "rootfs", Kind::Inner),
    ("History", "history", Kind::Inner),
];

/// The fields of its configuration of containers, likewise.
const CONFIG: [(&str, &str, Kind); 10] = [
    ("User", "User", Kind::Text),
    ("ExposedPorts", "ExposedPorts", Kind::Map),
    ("Env", "Env", Kind::List),
    ("Entrypoint", "Entrypoint", Kind::List),
    ("Cmd", "Cmd", Kind::List),
    ("Volumes", "Volumes", Kind::Map),
    ("WorkingDir", "WorkingDir", Kind::Text),
    ("Labels", "Labels", Kind::Map),
    ("StopSignal", "StopSignal", Kind::Text),
    ("ArgsEscaped", "ArgsEscaped", Kind::Flag),
];

/// The fields of its layers, likewise.
const ROOTFS: [(&str, &str, Kind); 2] = [
    ("Type", "type", Kind::Text),
    ("DiffIDs", "diff_ids", Kind::List),
];

/// The fields of one step of its history, likewise.
const HISTORY: [(&str, &str, Kind); 5] = [
    ("Created", "created", Kind::Time),
    ("CreatedBy", "created_by", Kind::Text),
    ("Author", "author", Kind::Text),
    ("Comment", "comment", Kind::Text),
    ("EmptyLayer", "empty_layer", Kind::Flag),
];

/// A configuration under the names of Go's fields.
pub(super) fn go_config(config: &Value) -> Value {
    let mut fields = renamed(config, &FIELDS);
    let steps = config["history"].as_array().map(Vec::as_slice);
    let steps = steps.unwrap_or_default().iter();
    fields["Config"] = renamed(&config["config"], &CONFIG);
    fields["RootFS"] = renamed(&config["rootfs"], &ROOTFS);
    fields["History"] = steps.map(|step| renamed(step, &HISTORY)).collect();
    fields
}

/// The members of an object under other names; what is absent is empty.
fn renamed(object: &Value, names: &[(&str, &str, Kind)]) -> Value {
    let field = |kind, member: &str| match (kind, &object[member]) {
        (Kind::Text, Value::Null) => "".into(),
        (Kind::Flag, Value::Null) => false.into(),
        (Kind::List, Value::Null) => json!([]),
        (Kind::Map, Value::Null) => json!({}),
        (Kind::Time, Value::Null) => "<nil>".into(),
        (Kind::Time, Value::String(time)) => go_time(time).into(),
        (_, value) => value.clone(),
    };
    names
        .iter()
        .map(|(name, member, kind)| ((*name).to_owned(), field(*kind, member)))
        .collect()
}
