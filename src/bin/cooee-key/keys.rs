//! `new` and `show`: the keys themselves.

use cooee::cli::{Exit, Failure, Folder, Io};
use cooee::enrol::Fleet;
use cooee::key::{self, Key};
use cooee::seal::Identity;
use serde_json::{Value, json};

pub const HOST: &str = "host.key";
pub const LEADER: &str = "leader.key";
pub const IDENTITY: &str = "leader.age";

/// A record on its line.
pub fn print(io: &mut Io, record: &Value) -> Result<(), Failure> {
    io.out.line(record.to_string().as_bytes())
}

pub fn new(io: &mut Io, folder: &Folder, raw: bool) -> Result<Exit, Failure> {
    folder.create()?;
    let key = make(folder, HOST)?;
    if raw {
        io.out.line(key.did().to_string().as_bytes())?;
    } else {
        print(io, &host_record(&key))?;
    }
    Ok(Exit::Done)
}

/// The public side of every key in the folder, and of its fleet.
pub fn show(io: &mut Io, folder: &Folder, raw: bool) -> Result<Exit, Failure> {
    if raw {
        io.out.line(folder.key(HOST)?.did().to_string().as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut any = false;
    if folder.file(HOST).exists() {
        print(io, &host_record(&folder.key(HOST)?))?;
        any = true;
    }
    if folder.file(LEADER).exists() {
        let key = folder.key(LEADER)?;
        let identities = folder.identities(IDENTITY)?;
        let recipients: Vec<String> = identities.iter().map(|identity| identity.recipient().to_string()).collect();
        print(io, &json!({"type": "key", "v": 1, "name": "leader", "did": key.did(), "age": recipients}))?;
        any = true;
    }
    if let Some(fleet) = folder.fleet()? {
        print(io, &fleet_record(&fleet))?;
        any = true;
    }
    if any {
        return Ok(Exit::Done);
    }
    let message = format!("{}: no key and no fleet file in it", folder.path().display());
    Err(Failure::could_not_run(message).hint("make a key with cooee-key new, or name another folder with --dir"))
}

/// A new Ed25519 key in a new file.
pub fn make(folder: &Folder, name: &str) -> Result<Key, Failure> {
    let key = Key::generate().map_err(Failure::could_not_run)?;
    key::write_key(&folder.file(name), &key)?;
    Ok(key)
}

/// The key that is there, or a new one.
pub fn ensure(folder: &Folder, name: &str) -> Result<Key, Failure> {
    if folder.file(name).exists() { folder.key(name) } else { make(folder, name) }
}

/// The leader's age identity that is there, or a new one.
pub fn ensure_identity(folder: &Folder) -> Result<Identity, Failure> {
    let path = folder.file(IDENTITY);
    if !path.exists() {
        key::write_secret(&path, Identity::generate().to_file().as_bytes())?;
    }
    let identity = folder.identities(IDENTITY)?.into_iter().next();
    Ok(identity.expect("an identity file that was read holds one"))
}

fn host_record(key: &Key) -> Value {
    json!({"type": "key", "v": 1, "name": "host", "did": key.did(), "peer_id": key.did().peer_id()})
}

/// The fleet file as a record.
pub fn fleet_record(fleet: &Fleet) -> Value {
    json!({
        "type": "fleet",
        "v": 1,
        "fleet": fleet.fleet,
        "policy": fleet.policy,
        "only": fleet.only,
        "leaders": fleet.leaders,
        "nodes": fleet.nodes,
    })
}
