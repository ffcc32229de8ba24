//! One function a kind: from the input of a case to its value, through the agent's own code.

use anyhow::{Context, bail};
use nixvm_agent::config::{scalars, sniff, yaml};
use serde_json::{Map, Value, json};

use super::compare::base64;
use super::{network, nocloud};

/// Runs a case; an error means that the input is refused.
pub(super) type Run = fn(&Value) -> anyhow::Result<Value>;

/// The function of a kind, if it is implemented.
pub(super) fn find(kind: &str) -> Option<Run> {
    Some(match kind {
        "crlf" => crlf,
        "network" => network::run,
        "nocloud" => nocloud::run,
        "owner" => owner,
        "part-filename" => part_filename,
        "permissions" => permissions,
        "sniff" => sniff,
        "truth" => truth,
        "yaml-doc" => yaml_doc,
        "yaml-scalar" => yaml_scalar,
        _ => return None,
    })
}

fn crlf(input: &Value) -> anyhow::Result<Value> {
    let text = sniff::unix_line_ends(text(input)?.as_bytes()).into_owned();
    Ok(Value::String(String::from_utf8(text)?))
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds have one signature")]
fn owner(input: &Value) -> anyhow::Result<Value> {
    let (user, group) = scalars::owner(input.as_str());
    Ok(json!([user, group]))
}

fn part_filename(input: &Value) -> anyhow::Result<Value> {
    Ok(Value::String(sniff::part_file_name(text(input)?)))
}

fn permissions(input: &Value) -> anyhow::Result<Value> {
    Ok(json!(scalars::permissions(&from_json(input)?)))
}

fn sniff(input: &Value) -> anyhow::Result<Value> {
    Ok(json!(sniff::sniff(text(input)?.as_bytes()).map(|kind| kind.mime())))
}

fn truth(input: &Value) -> anyhow::Result<Value> {
    let truth = scalars::truth(&from_json(input)?);
    Ok(json!({ "true": truth == Some(true), "false": truth == Some(false) }))
}

fn yaml_doc(input: &Value) -> anyhow::Result<Value> {
    Ok(to_json(&yaml::parse(text(input)?.as_bytes())?.root.value))
}

/// The text stands as the value of a key.
fn yaml_scalar(input: &Value) -> anyhow::Result<Value> {
    let document = format!("value: {}", text(input)?);
    let parsed = yaml::parse(document.as_bytes())?;
    let map = parsed.root.as_map().context("no mapping")?;
    if map.len() != 1 {
        bail!("more than one key");
    }
    Ok(to_json(&map.get("value").context("no value")?.value))
}

fn text(input: &Value) -> anyhow::Result<&str> {
    input.as_str().context("the input is no string")
}

/// JSON is YAML, so what a loader gives for a JSON text is the value itself.
pub(super) fn from_json(value: &Value) -> anyhow::Result<yaml::Value> {
    Ok(yaml::parse(value.to_string().as_bytes())?.root.value)
}

/// A value of YAML, with markers for what JSON does not have.
pub(super) fn to_json(value: &yaml::Value) -> Value {
    match value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => json!(value),
        yaml::Value::Int(value) => integer(*value),
        yaml::Value::Float(value) if value.is_finite() => json!(value),
        yaml::Value::Float(value) => json!({ "$float": value.to_string().to_lowercase() }),
        yaml::Value::Str(text) => json!(text),
        yaml::Value::Date(text) => json!({ "$date": text }),
        yaml::Value::Bytes(bytes) => json!({ "$bytes": base64(bytes) }),
        yaml::Value::Seq(items) => items.iter().map(|item| to_json(&item.value)).collect(),
        yaml::Value::Map(map) => Value::Object(object(map)),
    }
}

/// Keys become strings as Python's JSON writes them.
pub(super) fn object(map: &yaml::Map) -> Map<String, Value> {
    let key = |node: &yaml::Node| match to_json(&node.value) {
        Value::String(text) => text,
        Value::Object(marker) => marker.values().filter_map(Value::as_str).collect(),
        value => value.to_string(),
    };
    map.iter().map(|(name, value)| (key(name), to_json(&value.value))).collect()
}

fn integer(value: i128) -> Value {
    i64::try_from(value)
        .map(Value::from)
        .or_else(|_| u64::try_from(value).map(Value::from))
        .unwrap_or_else(|_| json!({ "$int": value.to_string() }))
}
