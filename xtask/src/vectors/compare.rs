//! Values: one way to write them down, whether two are the same, and those that stand in files.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// JSON without blanks, with sorted keys.
pub(super) fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        value => value.clone(),
    }
}

/// SHA-256 in hex digits.
pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a case has the wanted value. A wanted value {"$sha256": HEX} is the digest of the whole
/// value, written down as for an id.
pub(super) fn same(kind: &str, want: &Value, got: &Value) -> bool {
    if let Some(digest) = marker(want, "$sha256") {
        return sha256(&canonical(got)) == digest;
    }
    match kind {
        "network" => super::network::covers(want, got),
        "nocloud" => blobs(want) == blobs(got),
        _ => want == got,
    }
}

/// A blob of a seed is the same as a text or as bytes.
fn blobs(value: &Value) -> Value {
    let mut value = value.clone();
    for key in ["user", "vendor"] {
        if let Some(Value::String(text)) = value.get(key) {
            let bytes = base64(text.as_bytes());
            if let Some(object) = value.as_object_mut() {
                object.insert(key.to_owned(), json!({ "$bytes": bytes }));
            }
        }
    }
    value
}

/// The input with each {"$file": PATH} replaced by the text of the file. `None` if there is such a
/// place and no corpus.
pub(super) fn resolve(input: Value, corpus: Option<&Path>) -> anyhow::Result<Option<Value>> {
    if let Some(path) = marker(&input, "$file") {
        let Some(corpus) = corpus else { return Ok(None) };
        if Path::new(path).components().any(|part| !matches!(part, std::path::Component::Normal(_)))
        {
            bail!("{path:?} leads out of the corpus");
        }
        let path = corpus.join(path);
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        return Ok(Some(Value::String(String::from_utf8_lossy(&text).into_owned())));
    }
    Ok(match input {
        Value::Array(items) => {
            let items = items.into_iter().map(|item| resolve(item, corpus));
            items.collect::<anyhow::Result<Option<Vec<_>>>>()?.map(Value::Array)
        }
        Value::Object(object) => {
            let entries = object
                .into_iter()
                .map(|(key, value)| Ok(resolve(value, corpus)?.map(|value| (key, value))));
            entries.collect::<anyhow::Result<Option<Map<_, _>>>>()?.map(Value::Object)
        }
        value => Some(value),
    })
}

/// The text of an object that has only this key.
fn marker<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(key)?.as_str()
}

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4usize {
            let sextet = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap_or_default();
            let letter = ALPHABET.get(sextet).copied().map_or('=', char::from);
            out.push(if place > group.len() { '=' } else { letter });
        }
    }
    out
}
