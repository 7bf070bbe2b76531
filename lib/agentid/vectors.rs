//! The token vectors: those of deployed code, and ours for others.

use super::{Token, TokenText};
use serde_json::Value;
use std::fmt::Write as _;

fn file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/agentid").join(name);
    std::fs::read_to_string(path).expect("the vectors are in the repository")
}

fn number(vector: &Value, name: &str) -> u32 {
    vector[name].as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

fn token(vector: &Value) -> Token {
    Token {
        version: number(vector, "version") as u8,
        host_id: number(vector, "host_id"),
        gpu_slot: number(vector, "gpu_slot") as u8,
        reserved: number(vector, "reserved") as u8,
    }
}

fn word(vector: &Value) -> &str {
    vector["token"].as_str().expect("a string")
}

#[test]
fn version_1_is_what_deployed_code_makes() {
    let vectors: Value = serde_json::from_str(&file("v1.json")).expect("JSON");
    let valid = vectors["valid"].as_array().expect("an array");
    assert_eq!(valid.len(), 12);
    for vector in valid {
        let text = token(vector).encode().expect("in range");
        assert_eq!(text.to_string(), word(vector));
        assert_eq!(u32::from(text.checksum()), number(vector, "checksum6"));
        assert_eq!(text.packed, u64::from(number(vector, "packed25")));
        assert_eq!(Token::decode(word(vector)), Ok(token(vector)));
    }
    for vector in vectors["invalid"].as_array().expect("an array") {
        assert!(Token::decode(word(vector)).is_err(), "{vector}");
    }
}

/// The file is what this code makes, byte for byte; its values were checked
/// against another implementation, written from the file's own description.
#[test]
fn versions_2_and_3_are_up_to_date() {
    let is = file("v2-v3.json");
    let vectors: Value = serde_json::from_str(&is).expect("JSON");
    let mut want = format!("{{\n  \"about\": {},\n  \"valid\": [", vectors["about"]);
    for (index, vector) in vectors["valid"].as_array().expect("an array").iter().enumerate() {
        let Token { version, host_id, gpu_slot, reserved } = token(vector);
        let text: TokenText = token(vector).encode().expect("in range");
        assert_eq!(Token::decode(word(vector)), Ok(token(vector)));
        want += if index == 0 { "\n" } else { ",\n" };
        let _ = write!(
            want,
            "    {{\"version\": {version}, \"host_id\": {host_id}, \"gpu_slot\": {gpu_slot}, \"reserved\": {reserved}, \
             \"checksum\": {}, \"packed\": {}, \"token\": \"{text}\"}}",
            text.checksum(),
            text.packed
        );
    }
    want += "\n  ],\n  \"invalid\": [";
    for (index, vector) in vectors["invalid"].as_array().expect("an array").iter().enumerate() {
        let error = Token::decode(word(vector)).expect_err(word(vector)).to_string();
        want += if index == 0 { "\n" } else { ",\n" };
        let _ = write!(want, "    {{\"token\": \"{}\", \"why\": \"{}\"}}", word(vector), error.replace('"', "'"));
    }
    want += "\n  ]\n}\n";
    assert!(is == want, "the file should be\n{want}");
}
