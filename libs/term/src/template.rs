//! `--format` templates in the language of Go's `text/template`, as docker, podman and skopeo
//! take them.
//!
//! | text | what is printed |
//! | --- | --- |
//! | `json`, `{{json .}}` | the value as indented JSON |
//! | `table {{.A}} {{.B}}` | columns; blanks between fields separate them |
//! | anything else | the template; `\t` and `\n` are a tab and a line feed, tabs are aligned |
//!
//! Functions beside Go's own: `join`, `json`, `lower`, `upper`, `title`, `split`, `pad`,
//! `truncate`. A field that does not exist is an error when it is spelled like a Go field
//! (`.Foo`); a missing key of a map (`.Labels.foo`) prints `<no value>`.

use gotmpl::{MissingKey, TemplateError, Value};
use serde::Serialize;

/// A `--format` argument, checked.
#[derive(Debug, Clone)]
pub struct Template {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Json,
    Text {
        source: String,
        headers: Vec<String>,
    },
}

/// Widest column padding of the original's table writer: cells end two blanks before the next.
const PADDING: usize = 2;

/// Narrowest column of the original's table writer.
const MIN_WIDTH: usize = 8;

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`] with line and column when the syntax is wrong or a function unknown.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let words: String = text.split_whitespace().collect();
        if matches!(words.as_str(), "json" | "{{json}}" | "{{json.}}") {
            return Ok(Template { kind: Kind::Json });
        }
        let (body, table) = match text.strip_prefix("table ") {
            Some(body) => (body, true),
            None => (text, false),
        };
        let mut source = body.replace("\\t", "\t").replace("\\n", "\n");
        let mut headers = Vec::new();
        if table {
            headers = columns(&source);
            source = blanks_to_tabs(&source);
        }
        if !source.ends_with('\n') {
            source.push('\n');
        }
        engine(MissingKey::Invalid).parse(&source)?;
        Ok(Template {
            kind: Kind::Text { source, headers },
        })
    }

    /// Says whether it asks for the value itself, as JSON.
    pub fn is_json(&self) -> bool {
        matches!(self.kind, Kind::Json)
    }

    /// The text of one value, ending in a line feed.
    ///
    /// # Errors
    /// [`TemplateError`] when the value has no such field, or a function does not fit.
    pub fn render(&self, value: &impl Serialize) -> Result<String, TemplateError> {
        Ok(align(&self.expand(value)?))
    }

    /// The text of several values, columns aligned across them; a `table` begins with the names
    /// of its fields in upper case.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_all(&self, values: &[impl Serialize]) -> Result<String, TemplateError> {
        let mut text = String::new();
        if let Kind::Text { headers, .. } = &self.kind
            && !headers.is_empty()
        {
            text.push_str(&headers.join("\t"));
            text.push('\n');
        }
        for value in values {
            text.push_str(&self.expand(value)?);
        }
        Ok(align(&text))
    }

    /// Prints one value on standard output.
    ///
    /// # Errors
    /// As [`Template::render`], and when standard output fails.
    pub fn print(&self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(crate::stdout::write_all(self.render(value)?.as_bytes())?)
    }

    /// Prints several values on standard output.
    ///
    /// # Errors
    /// As [`Template::render_all`], and when standard output fails.
    pub fn print_all(&self, values: &[impl Serialize]) -> anyhow::Result<()> {
        Ok(crate::stdout::write_all(
            self.render_all(values)?.as_bytes(),
        )?)
    }

    fn expand(&self, value: &impl Serialize) -> Result<String, TemplateError> {
        let source = match &self.kind {
            Kind::Json => {
                let mut text = crate::json::indented(value, "    ")?;
                text.push(b'\n');
                return String::from_utf8(text)
                    .map_err(|_| TemplateError::Exec("value is not UTF-8".to_owned()));
            }
            Kind::Text { source, .. } => source,
        };
        let value = gotmpl::to_value(value)?;
        // Go tells a struct from a map and so an unknown field from a missing key. Here both are
        // maps; Go's fields begin with a capital, the keys that people look up mostly do not.
        match engine(MissingKey::Error)
            .parse(source)?
            .execute_to_string(&value)
        {
            Err(TemplateError::MissingKey { key, .. })
                if !key.starts_with(|c: char| c.is_ascii_uppercase()) =>
            {
                engine(MissingKey::Invalid)
                    .parse(source)?
                    .execute_to_string(&value)
            }
            other => other,
        }
    }
}

/// A value whose members are named as Go names fields: `own_bytes` becomes `OwnBytes`, so that
/// templates look as in docker and podman while the JSON is like the records that we keep.
///
/// # Errors
/// When the value cannot be JSON.
pub fn fields(value: &impl Serialize) -> serde_json::Result<serde_json::Value> {
    fn rename(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (pascal(&name), rename(value)))
                .collect(),
            serde_json::Value::Array(items) => items.into_iter().map(rename).collect(),
            other => other,
        }
    }
    serde_json::to_value(value).map(rename)
}

fn pascal(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

/// An engine with the functions of containers/common's report package.
fn engine(missing: MissingKey) -> gotmpl::Template {
    gotmpl::Template::new("format")
        .missing_key(missing)
        .func("join", |args| match args {
            [Value::List(items), separator] => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                text(items.join(&separator.to_string()))
            }
            _ => wrong("join", "a list and a separator"),
        })
        .func("json", |args| match args {
            [value] => text(json(value)),
            _ => wrong("json", "one value"),
        })
        .func("lower", |args| {
            one("lower", args).and_then(|s| text(s.to_lowercase()))
        })
        .func("upper", |args| {
            one("upper", args).and_then(|s| text(s.to_uppercase()))
        })
        .func("title", |args| {
            one("title", args).and_then(|s| text(title(&s)))
        })
        .func("split", |args| match args {
            [value, separator] => {
                let (value, separator) = (value.to_string(), separator.to_string());
                let parts: Vec<Value> = if separator.is_empty() {
                    value
                        .chars()
                        .map(|c| Value::String(c.to_string().into()))
                        .collect()
                } else {
                    let parts = value.split(&separator);
                    parts.map(|part| Value::String(part.into())).collect()
                };
                Ok(Value::List(parts.into()))
            }
            _ => wrong("split", "a string and a separator"),
        })
        .func("pad", |args| match args {
            [value, before, after] => {
                let value = value.to_string();
                let blanks = |n: &Value| " ".repeat(count(n));
                match value.is_empty() {
                    true => text(value),
                    false => text(format!("{}{value}{}", blanks(before), blanks(after))),
                }
            }
            _ => wrong("pad", "a string and two numbers"),
        })
        .func("truncate", |args| match args {
            [value, length] => text(value.to_string().chars().take(count(length)).collect()),
            _ => wrong("truncate", "a string and a length"),
        })
}

/// A count that a template gives: at most a line's worth, so that no template can fill memory.
fn count(value: &Value) -> usize {
    let number = match value {
        Value::Uint(number) => usize::try_from(*number).unwrap_or(usize::MAX),
        other => usize::try_from(other.as_int().unwrap_or(0)).unwrap_or(0),
    };
    number.min(4096)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a template function")]
fn text(text: String) -> gotmpl::Result<Value> {
    Ok(Value::String(text.into()))
}

fn one(name: &str, args: &[Value]) -> gotmpl::Result<String> {
    match args {
        [value] => Ok(value.to_string()),
        _ => Err(TemplateError::Exec(format!("{name} takes one string"))),
    }
}

fn wrong(name: &str, wants: &str) -> gotmpl::Result<Value> {
    Err(TemplateError::Exec(format!("{name} takes {wants}")))
}

/// Every word with a capital, as Go's `strings.Title`.
fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .flat_map(|c| {
            let upper = start && c.is_alphabetic();
            start = !(c.is_alphanumeric() || c == '_' || c == '\'');
            let shown: Vec<char> = match upper {
                true => c.to_uppercase().collect(),
                false => vec![c],
            };
            shown
        })
        .collect()
}

/// Compact JSON of a template value. Maps are sorted; Go's HTML escapes are off, as in the
/// original's helper.
fn json(value: &Value) -> String {
    fn convert(value: &Value) -> serde_json::Value {
        match value {
            Value::Nil | Value::Function(_) => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Uint(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(value) => value.as_ref().into(),
            Value::List(items) => items.iter().map(convert).collect(),
            Value::Map(members) => members
                .iter()
                .map(|(key, value)| (key.to_string(), convert(value)))
                .collect(),
        }
    }
    convert(value).to_string()
}

/// The header of each column of a table: the last field that its action names.
fn columns(source: &str) -> Vec<String> {
    let mut headers = Vec::new();
    let mut rest = source;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((action, tail)) = after.split_once("}}") else {
            break;
        };
        let field = action
            .split_whitespace()
            .filter(|word| word.starts_with('.') && word.len() > 1)
            .filter_map(|word| word.rsplit('.').next())
            .next();
        headers.push(field.unwrap_or("").to_uppercase());
        rest = tail;
    }
    headers
}

/// Makes tabs of the blanks between actions. (The original replaces those inside actions too,
/// which breaks string literals.)
fn blanks_to_tabs(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{{") {
        let (outside, action) = rest.split_at(at);
        let end = action.find("}}").map_or(action.len(), |at| at + 2);
        let (action, tail) = action.split_at(end);
        out.push_str(&outside.replace(' ', "\t"));
        out.push_str(action);
        rest = tail;
    }
    out.push_str(&rest.replace(' ', "\t"));
    out
}

/// Pads cells that end in a tab so that they line up, as Go's `text/tabwriter`: a column is a run
/// of neighbouring lines that have a cell there which a tab ends.
fn align(source: &str) -> String {
    let lines: Vec<Vec<&str>> = source
        .split_inclusive('\n')
        .map(|line| line.trim_end_matches('\n').split('\t').collect())
        .collect();
    let mut out = String::with_capacity(source.len());
    for (at, cells) in lines.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            // The last cell of a line belongs to no column.
            if column + 1 == cells.len() {
                break;
            }
            let tabbed = |line: &&Vec<&str>| line.len() > column + 1;
            let above = lines[..at].iter().rev().take_while(tabbed);
            let below = lines[at..].iter().take_while(tabbed);
            let widest = above.chain(below).map(|line| width(line[column])).max();
            // A column of empty cells vanishes only in writers with other flags; here it pads.
            let widest = (widest.unwrap_or(0) + PADDING).max(MIN_WIDTH);
            out.extend(std::iter::repeat_n(' ', widest - width(cell)));
        }
        out.push('\n');
    }
    out
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str) -> Result<String, String> {
        let value = json!({
            "Name": "a/b", "Os": "linux", "Size": 5, "Env": ["A=<b>&", "C=d"], "Created": null,
            "Labels": {"x": "1"},
        });
        Template::parse(template)
            .and_then(|template| template.render(&value))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn templates_of_the_originals() {
        for (template, text) in [
            ("{{.Name}}", "a/b\n"),
            (r"{{.Os}}\t{{.Name}}\nx", "linux   a/b\nx\n"),
            (
                "table {{range .Env}}{{.}}\\ta\\n{{end}}",
                "A=<b>&  a\nC=d     a\n\n",
            ),
            ("{{.Labels}} {{.Size}}", "map[x:1] 5\n"),
            ("{{.Labels.foo}}", "<no value>\n"),
            ("{{index .Labels \"x\"}} {{len .Env}}", "1 2\n"),
            ("{{json .Env}}", "[\"A=<b>&\",\"C=d\"]\n"),
            (
                "{{upper .Os}} {{title \"ab cd\"}} {{lower \"X\"}}",
                "LINUX Ab Cd x\n",
            ),
            (
                "{{join .Env \",\"}} {{index (split .Name \"/\") 1}}",
                "A=<b>&,C=d b\n",
            ),
            ("{{pad .Os 1 2}}|{{truncate .Os 3}}", " linux  |lin\n"),
            (
                "{{range $i, $e := .Env}}{{if $i}};{{end}}{{$e}}{{end}}",
                "A=<b>&;C=d\n",
            ),
        ] {
            assert_eq!(render(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn json_in_any_spelling_is_the_whole_value() {
        for template in ["json", " {{ json . }} ", "{{json}}"] {
            let text = Template::parse(template)
                .unwrap()
                .render(&json!({"a": "<"}));
            assert_eq!(text.unwrap(), "{\n    \"a\": \"\\u003c\"\n}\n");
        }
    }

    #[test]
    fn members_become_fields() {
        let value = json!({"own_bytes": 1, "layers": [{"diff_id": "x"}]});
        let template = Template::parse("{{.OwnBytes}} {{(index .Layers 0).DiffId}}").unwrap();
        assert_eq!(template.render(&fields(&value).unwrap()).unwrap(), "1 x\n");
    }

    #[test]
    fn mistakes_are_errors() {
        for template in ["{{.Foo}}", "{{nosuch .Os}}", "{{.Os", "{{join .Os}}"] {
            assert!(render(template).is_err(), "{template}");
        }
    }

    #[test]
    fn tables_have_headers_and_lines_for_all() {
        let template = Template::parse("table {{.Name}} {{upper .Os}}").unwrap();
        let rows = [
            json!({"Name": "x", "Os": "a"}),
            json!({"Name": "long-name", "Os": "b"}),
        ];
        assert_eq!(
            template.render_all(&rows).unwrap(),
            "NAME       OS\nx          A\nlong-name  B\n"
        );
    }
}
