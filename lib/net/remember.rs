//! `peers.json`: whom a node reached, for the next time it starts.

use super::peer::{address, place};
use super::serve::write_beside;
use crate::canon::canonical;
use crate::event::rfc3339;
use crate::jsonl;
use crate::key::Did;
use crate::mesh::Remembered;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The file is no larger.
const LIMIT_BYTES: u64 = 2 << 20;
/// What makes it one of ours.
const TYPE: &str = "peers";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembering {
    #[serde(rename = "type")]
    kind: String,
    v: u32,
    peers: Vec<Peer>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    did: Did,
    addresses: Vec<String>,
    seen: String,
}

/// Why the file was not read; what was done about it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}; kept as {}", path.display(), aside.display())]
pub(super) struct Damaged {
    path: PathBuf,
    why: String,
    aside: PathBuf,
}

/// The peers in the file; none if there is no file. A damaged one is put aside,
/// so that the next one does not take its place unseen.
pub(super) fn read(path: &Path) -> Result<Vec<(Did, Vec<String>)>, Damaged> {
    let damaged = |why: String| {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".damaged");
        let aside = PathBuf::from(aside);
        let _ = std::fs::rename(path, &aside);
        Damaged { path: path.to_owned(), why, aside }
    };
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT_BYTES + 1).read_to_end(&mut text));
    match read {
        Ok(_) if text.len() as u64 > LIMIT_BYTES => Err(damaged(format!("larger than {LIMIT_BYTES} bytes"))),
        Ok(_) => parse(&text).map_err(damaged),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(damaged(error.to_string())),
    }
}

fn parse(text: &[u8]) -> Result<Vec<(Did, Vec<String>)>, String> {
    let value = jsonl::parse(text).map_err(|error| error.to_string())?;
    let file: Remembering = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if file.kind != TYPE || file.v != 1 {
        return Err(format!("not a record of type \"{TYPE}\", version 1"));
    }
    let mut peers = Vec::with_capacity(file.peers.len());
    for peer in file.peers {
        for text in &peer.addresses {
            address(text).map_err(|error| format!("\"{text}\": {error}"))?;
        }
        peers.push((peer.did, peer.addresses));
    }
    Ok(peers)
}

/// Writes them down, beside and renamed.
pub(super) fn write(path: &Path, peers: &[Remembered]) -> io::Result<()> {
    let plain = |text: &String| address(text).is_ok_and(|address| place(&address) == *text);
    let peer = |peer: &Remembered| Peer {
        did: peer.peer,
        addresses: peer.addresses.iter().filter(|text| plain(text)).cloned().collect(),
        seen: rfc3339(peer.seen),
    };
    let mut bytes = canonical(&Remembering { kind: TYPE.to_owned(), v: 1, peers: peers.iter().map(peer).collect() });
    bytes.push(b'\n');
    write_beside(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn what_was_written_is_read_and_a_damaged_file_is_put_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peers.json");
        assert_eq!(read(&path).expect("no file is no fault"), []);
        let peer = Key::from_seed(&[1; 32]).did();
        let addresses = vec!["/ip4/192.0.2.1/tcp/1".to_owned(), "/ip4/192.0.2.1/udp/1/quic-v1".to_owned()];
        let seen = "2026-01-01T00:00:00Z".parse().expect("a time");
        write(&path, &[Remembered { peer, addresses: addresses.clone(), seen }]).expect("written");
        assert_eq!(read(&path).expect("good"), [(peer, addresses)]);

        let good = std::fs::read_to_string(&path).expect("text");
        let bad = [
            good.replace("\"v\":1", "\"v\":2"),
            good.replace("\"v\":1", "\"v\":1,\"x\":1"),
            good.replace("/tcp/1", "/tcp/99999"),
            good.replace("did:key:z", "did:key:y"),
            good[..good.len() / 2].to_owned(),
            String::new(),
            " ".repeat(3 << 20),
        ];
        for text in bad {
            std::fs::write(&path, &text).expect("written");
            let error = read(&path).expect_err("damaged").to_string();
            assert!(error.contains("peers.json: ") && error.contains("peers.json.damaged"), "{error}");
            assert!(!path.exists() && folder.path().join("peers.json.damaged").exists());
        }
    }
}
