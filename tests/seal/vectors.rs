//! The age test kit (C2SP CCTV): 98 files that concern X25519 keys and armor,
//! each with its outcome, and 45 that a tool without post-quantum keys and
//! passphrases refuses.

use super::{age_enrol, secret};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// For the two files that come without an identity.
const ANY_IDENTITY: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

struct Vector {
    expect: String,
    payload: Option<String>,
    identities: Vec<String>,
    passphrase: bool,
    file: Vec<u8>,
}

/// Where the source of the age crate lies that this package is built with.
fn crate_source() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let age = packages.iter().find(|package| package["name"] == "age").expect("the age crate");
    Path::new(age["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}

fn vectors() -> BTreeMap<String, Vector> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/cctv-age");
    let mut found = BTreeMap::new();
    for folder in [crate_source().join("tests/testdata/testkit"), ours] {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if name != "NOTE.md" {
                found.insert(name, read(&path));
            }
        }
    }
    found
}

/// `key: value` lines, an empty line, the file.
fn read(path: &Path) -> Vector {
    let bytes = fs::read(path).expect("a vector");
    let end = bytes.windows(2).position(|window| window == b"\n\n").expect("a header");
    let header = std::str::from_utf8(&bytes[..end]).expect("text");
    let lines: Vec<(&str, &str)> = header.lines().filter_map(|line| line.split_once(": ")).collect();
    let values = |key| lines.iter().filter(move |(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
    let mut file = bytes[end + 2..].to_vec();
    if let Some(compression) = values("compressed").next() {
        assert_eq!(compression, "zlib");
        file = miniz_oxide::inflate::decompress_to_vec_zlib(&file).expect("zlib");
    }
    Vector {
        expect: values("expect").next().expect("expect"),
        payload: values("payload").next(),
        identities: values("identity").collect(),
        passphrase: values("passphrase").next().is_some(),
        file,
    }
}

#[test]
fn every_file_has_its_outcome_and_none_that_fails_leaves_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let [key, output] = ["key", "output"].map(|name| folder.path().join(name).to_str().expect("text").to_owned());
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for (name, vector) in vectors() {
        let post_quantum = vector.identities.iter().any(|identity| identity.starts_with("AGE-SECRET-KEY-PQ-"));
        let refuse = post_quantum || vector.passphrase;
        let mut identities = vector.identities.join("\n");
        if identities.is_empty() {
            ANY_IDENTITY.clone_into(&mut identities);
        }
        secret(Path::new(&key), identities.as_bytes());
        let opened = age_enrol(&["--open", "--bytes", "-i", &key, "-o", &output]).write_stdin(vector.file).output();
        let opened = opened.expect("it runs");
        let code = opened.status.code().expect("an exit code");
        assert!(opened.stdout.is_empty(), "{name}");
        let expect = if refuse { "refused" } else { vector.expect.as_str() };
        match expect {
            "success" => {
                assert_eq!((code, opened.stderr.as_slice()), (0, &b""[..]), "{name}");
                let plaintext = fs::read(&output).expect("a file");
                assert_eq!(Some(hex_sha256(&plaintext)), vector.payload, "{name}");
                fs::remove_file(&output).expect("removed");
            }
            "refused" if post_quantum => assert_eq!(code, 2, "{name}: the identity is not supported"),
            "refused" => assert!(matches!(code, 1 | 5), "{name}: {code}"),
            "no match" => assert_eq!(code, 1, "{name}"),
            _ => assert_eq!(code, 5, "{name}"),
        }
        let stderr = String::from_utf8(opened.stderr).expect("text");
        if code != 0 {
            assert!(stderr.starts_with("age-enrol: ") && stderr.lines().count() <= 2, "{name}: {stderr}");
            let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
            assert_eq!(left.len(), 1, "{name} left something behind");
        }
        *outcomes.entry(expect.to_owned()).or_default() += 1;
    }
    let want = [
        ("HMAC failure", 1),
        ("armor failure", 22),
        ("header failure", 33),
        ("no match", 4),
        ("payload failure", 19),
        ("refused", 45),
        ("success", 19),
    ];
    assert_eq!(outcomes, want.map(|(outcome, count)| (outcome.to_owned(), count)).into());
}

fn hex_sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}
