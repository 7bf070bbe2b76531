use super::*;

fn reason(text: &str) -> (usize, Reason) {
    let error = parse(text.as_bytes()).expect_err(text);
    (error.column, error.reason)
}

#[test]
fn members_in_order_with_their_text() {
    let mut scanner = Scanner::default();
    let object = scanner.object(br#" {"a": 1.50, "b\u0062":"x\ty", "c":[{"d":null}], "e":true} "#).expect("good");
    let seen: Vec<_> = object.iter().map(|(key, value)| (key.into_owned(), value.raw(), value.kind())).collect();
    assert_eq!(
        seen,
        [
            ("a".into(), "1.50", Kind::Number),
            ("bb".into(), "\"x\\ty\"", Kind::String),
            ("c".into(), "[{\"d\":null}]", Kind::Array),
            ("e".into(), "true", Kind::Bool)
        ]
    );
    assert_eq!(object.get("bb").and_then(|value| value.as_str()).as_deref(), Some("x\ty"));
    assert_eq!(object.get("a").and_then(|value| value.as_u64()), None);
    assert_eq!(object.get("a").and_then(|value| value.as_f64()), Some(1.5));
    assert_eq!(object.get("e").and_then(|value| value.as_bool()), Some(true));
    assert!(object.get("zz").is_none());
}

#[test]
fn faults_are_named_with_their_column() {
    let many = (0..40).fold(String::new(), |text, n| text + &format!("\"k{n}\":0,"));
    assert_eq!(reason(r#"{"a":1,"a":2}"#), (8, Reason::DuplicateKey("a".into())));
    assert_eq!(reason(r#"{"":1,"axb":1,"ayb":1,"axxb":1,"":2}"#), (32, Reason::DuplicateKey(String::new())));
    // Alike in length and in the bytes that are looked at first, but not the same.
    assert!(parse(br#"{"abcxcba":1,"abdxdba":2,"acbxbca":3}"#).is_ok());
    assert_eq!(reason(r#"{"abcxcba":1,"abdxdba":2,"abcxcba":3}"#), (26, Reason::DuplicateKey("abcxcba".into())));
    assert_eq!(reason(r#"{"a":1,"\u0061":2}"#), (8, Reason::DuplicateKey("a".into())));
    assert_eq!(reason(r#"[{"x":{"a":1,"b":0,"a":2}}]"#), (20, Reason::DuplicateKey("a".into())));
    assert_eq!(reason(&format!("{{{many}\"k7\":1}}")).1, Reason::DuplicateKey("k7".into()));
    assert_eq!(reason(r#"{"a":"\ud800"}"#), (7, Reason::LoneSurrogate));
    assert_eq!(reason(r#"{"a":"\udc00\ud800"}"#), (7, Reason::LoneSurrogate));
    assert_eq!(reason(r#"{"a":"\ud800\u0041"}"#), (7, Reason::LoneSurrogate));
    assert_eq!(reason("{\"a\":\"\n\"}"), (7, Reason::ControlCharacter).clone());
    assert_eq!(reason(r#"{"n":9007199254740993}"#), (6, Reason::IntegerTooLarge));
    assert_eq!(reason(r#"{"n":1e400}"#), (6, Reason::NumberOutOfRange));
    assert_eq!(reason("{\"a\":1"), (7, Reason::Truncated));
    assert_eq!(reason("{} {}"), (4, Reason::Trailing));
    assert_eq!(reason("NaN"), (1, Reason::Syntax));
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(parse(deep(100).as_bytes()).is_ok());
    assert_eq!(reason(&deep(101)), (101, Reason::TooDeep));
    let mut scanner = Scanner::default();
    let error = scanner.object(b"[1]").err().expect("not an object");
    assert_eq!(error.reason, Reason::NotAnObject);
}

#[test]
fn all_318_decisions_of_the_json_test_suite() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/jsontestsuite");
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).expect("manifest");
    let mut decided = 0;
    for row in manifest.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let Ok(text) = std::fs::read(root.join("test_parsing").join(columns[0])) else { continue };
        // The byte order mark is the stream's to skip, as `Lines` does.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let taken = parse(text).is_ok();
        assert_eq!(taken, columns[6].starts_with("accept"), "{}", columns[0]);
        decided += 1;
    }
    assert_eq!(decided, 318);
}
