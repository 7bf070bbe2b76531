//! A host → the unsigned draft of a `capability` event: what it can do.
//!
//! Must not know keys, nor how a draft is completed and sent.

use super::survey::Host;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The longest path component made of a hostname.
const NAME_LIMIT: usize = 64;

/// The draft, good for `lifetime` from `now` on; a reason if the host has no
/// name to say it under.
pub fn capability(
    host: &Host,
    specialisation: Option<&str>,
    now: Timestamp,
    lifetime: SignedDuration,
) -> Result<Map<String, Value>, String> {
    let hostname = host.basics.hostname.clone()?;
    let expires = now.checked_add(lifetime).map_err(|_| "the lifetime is too long".to_owned())?;
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = hostname.chars().take(NAME_LIMIT).map(allowed).collect();
    let models: Vec<Value> = host
        .models
        .iter()
        .filter(|model| !model.is_remote)
        .map(|model| json!({"name": model.name, "size_bytes": model.size_bytes.as_ref().ok(), "server": model.server}))
        .collect();
    let gpus: Vec<Value> = host
        .gpus
        .list
        .iter()
        .map(|gpu| json!({"name": gpu.name.as_ref().ok(), "memory_bytes": gpu.memory_bytes.as_ref().ok()}))
        .collect();
    let mut draft = Map::new();
    draft.insert("type".to_owned(), "capability".into());
    draft.insert("subject".to_owned(), format!("ucxl://any:any@COOEE:capability/#/host/{name}").into());
    draft.insert("expires".to_owned(), format!("{expires:.0}").into());
    draft.insert(
        "data".to_owned(),
        json!({
            "hostname": hostname,
            "models": models,
            "specialisation": specialisation,
            "gpus": gpus,
            "cpu": host.basics.cpu.name.as_ref().ok(),
            "cpu_threads": host.basics.cpu.threads.as_ref().ok(),
            "memory_bytes": host.basics.memory_bytes.as_ref().ok(),
            "version": env!("CARGO_PKG_VERSION"),
        }),
    );
    Ok(draft)
}
