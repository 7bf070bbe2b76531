//! What model servers answer → models. Pure.
//!
//! A server may lie: nothing it says is believed further than its own list.
//! Must not know how the bytes came.

use super::Found;
use crate::jsonl;
use serde_json::Value;

/// More models than a host holds; a server that says more is not believed.
const MODEL_LIMIT: usize = 1000;
/// The longest name taken, in bytes.
const NAME_LIMIT_BYTES: usize = 256;

/// One model that runs, or could run, on this host.
#[derive(Clone, Debug)]
pub struct Model {
    /// As its server calls it: `llama3.2:latest`.
    pub name: String,
    /// SHA-256 of its manifest, 64 lower-case hex digits.
    pub digest: Found<String>,
    /// Its size on disk.
    pub size_bytes: Found<u64>,
    /// `Q4_K_M`, `F16`, …
    pub quantisation: Found<String>,
    /// `ollama`, `openai` or `declared`.
    pub server: &'static str,
    /// The server's address; none for a declared model.
    pub url: Option<String>,
    /// The server only passes it on; it runs elsewhere.
    pub is_remote: bool,
}

/// A server's models, and how many of its entries could not be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub models: Vec<Model>,
    pub refused: usize,
}

/// The answer of Ollama's `GET /api/tags`.
pub(super) fn ollama(body: &[u8], url: &str) -> Found<List> {
    list(body, "models", "Ollama", |entry| {
        let details = &entry["details"];
        let quantisation = text(&details["quantization_level"]).filter(|level| *level != "unknown");
        Some(Model {
            name: name(entry.get("name").or_else(|| entry.get("model"))?)?,
            digest: digest(&entry["digest"]),
            size_bytes: size(&entry["size"]),
            quantisation: quantisation.map(str::to_owned).ok_or_else(|| "the server does not tell it".to_owned()),
            server: "ollama",
            url: Some(url.to_owned()),
            is_remote: text(&entry["remote_host"]).is_some() || text(&entry["remote_model"]).is_some(),
        })
    })
}

/// The answer of `GET /v1/models`, as OpenAI's API has it and llama.cpp and
/// vLLM give it. Of the rest only llama.cpp tells anything: the size.
pub(super) fn openai(body: &[u8], url: &str) -> Found<List> {
    list(body, "data", "an OpenAI-style server", |entry| {
        Some(Model {
            name: name(entry.get("id")?)?,
            digest: Err("this kind of server does not tell it".to_owned()),
            size_bytes: size(&entry["meta"]["size"]),
            quantisation: Err("this kind of server does not tell it".to_owned()),
            server: "openai",
            url: Some(url.to_owned()),
            is_remote: false,
        })
    })
}

/// A model that no server lists.
pub(super) fn declared(name: &str) -> Model {
    let untold = || Err("declared with --model".to_owned());
    Model {
        name: name.to_owned(),
        digest: untold(),
        size_bytes: Err("declared with --model".to_owned()),
        quantisation: untold(),
        server: "declared",
        url: None,
        is_remote: false,
    }
}

fn list(body: &[u8], key: &str, who: &str, each: impl Fn(&Value) -> Option<Model>) -> Found<List> {
    let answer = jsonl::parse(body).map_err(|error| format!("its answer is not JSON: {}", error.reason))?;
    // Ollama without models says null.
    let entries = match &answer[key] {
        Value::Array(entries) => entries.as_slice(),
        Value::Null if answer.get(key).is_some() => &[],
        _ => return Err(format!("it answers, but not as {who}")),
    };
    if entries.len() > MODEL_LIMIT {
        return Err(format!("it lists {} models, more than {MODEL_LIMIT}", entries.len()));
    }
    let mut list = List::default();
    for entry in entries {
        match each(entry) {
            Some(model) if list.models.iter().any(|known: &Model| known.name == model.name) => {}
            Some(model) => list.models.push(model),
            None => list.refused += 1,
        }
    }
    list.models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

/// A name that may stand in an agent's identity.
fn name(value: &Value) -> Option<String> {
    let name = value.as_str()?.trim();
    let good = !name.is_empty() && name.len() <= NAME_LIMIT_BYTES && !name.chars().any(char::is_control);
    good.then(|| name.to_owned())
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty() && text.len() <= NAME_LIMIT_BYTES)
}

fn digest(value: &Value) -> Found<String> {
    let digest = text(value).ok_or("the server does not tell it")?;
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    let good = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(hex.to_ascii_lowercase()) } else { Err("what the server tells is no SHA-256".to_owned()) }
}

fn size(value: &Value) -> Found<u64> {
    match value {
        Value::Null => Err("the server does not tell it".to_owned()),
        value => value.as_u64().ok_or_else(|| "what the server tells is no size".to_owned()),
    }
}
