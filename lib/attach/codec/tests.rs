use super::*;
use crate::attach::{HEADER_BYTES, body_length, read_body};
use crate::event::Receipt;
use crate::key::Key;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn requests() -> Vec<Request> {
    let ids = vec!["a".to_owned(), "\"\\\n\u{1}é😀".to_owned()];
    vec![
        Request::Put { events: vec![br#"{"a":[1,{"b":"}],\""}]}"#.to_vec(), b"{}".to_vec()] },
        Request::Put { events: vec![] },
        Request::Await { ids: ids.clone(), wait_ms: WAIT_LIMIT_MS },
        Request::Sub {
            patterns: ids.clone(),
            types: vec![],
            since: Some(time("2026-01-02T03:04:05.678Z")),
            unanswered: true,
            follow: false,
        },
        Request::Sub { patterns: vec![], types: ids.clone(), since: None, unanswered: false, follow: true },
        Request::Consume {
            name: "a".into(),
            patterns: ids.clone(),
            types: ids.clone(),
            since: Some(time("2026-01-02T03:04:05.678Z")),
            taken: Some((1 << 53) - 1),
            follow: true,
        },
        Request::Consume {
            name: "\"".into(),
            patterns: vec![],
            types: vec![],
            since: None,
            taken: None,
            follow: false,
        },
        Request::Took { place: 0 },
        Request::Forget { name: "\"".into() },
        Request::Find { name: "458RV".into(), wait_ms: WAIT_LIMIT_MS },
        Request::Consumers,
        Request::Peers,
        Request::Clock,
        Request::Ids { only: None, news: true, ranges: vec![] },
        Request::Ids { only: Some("kept".into()), news: false, ranges: vec![compared("00"), compared("\"")] },
        Request::Get { elements: ids },
    ]
}

fn compared(from: &str) -> Compared {
    Compared { from: from.into(), to: "ff".into(), fingerprint: "0-00".into() }
}

fn replies() -> Vec<Reply> {
    let key = Key::from_seed(&[3; 32]);
    let refused = Refused {
        id: String::new(),
        code: "clock".into(),
        reason: "\u{1b}[31m".into(),
        node_time: time("2026-01-02T03:04:05.678Z"),
    };
    let receipt = Receipt::sign(&key, vec!["a".into()], Timestamp::UNIX_EPOCH);
    vec![
        Reply::Stored { receipt: Some(receipt), refused: vec![] },
        Reply::Stored { receipt: None, refused: vec![refused.clone(), refused] },
        Reply::Answers { events: vec![b"{\"x\":1}".to_vec()] },
        Reply::Events { events: vec![] },
        Reply::Found { events: vec![b"{\"x\":1}".to_vec(), b"{}".to_vec()], asked: 3, answered: 2 },
        Reply::Found { events: vec![], asked: 0, answered: 0 },
        Reply::Began { place: 7, since: Some(time("2026-01-02T03:04:05.678Z")) },
        Reply::Began { place: 0, since: None },
        Reply::Handed { events: vec![b"{\"x\":1}".to_vec(), b"{}".to_vec()], places: vec![3, 9] },
        Reply::Handed { events: vec![], places: vec![] },
        Reply::Left,
        Reply::Peers { records: vec![br#"{"type":"node"}"#.to_vec(), b"{}".to_vec()] },
        Reply::Peers { records: vec![] },
        Reply::Consumers { records: vec![br#"{"type":"consumer"}"#.to_vec()] },
        Reply::Clock { time: time("2026-01-02T03:04:05.678Z") },
        Reply::Ids {
            ranges: vec![
                Held::Same,
                Held::Elements(vec!["a".into(), "\\".into()]),
                Held::Elements(vec![]),
                Held::Pieces(vec![("80".into(), "1-00".into()), ("ff".into(), "2-00".into())]),
            ],
        },
        Reply::Ids { ranges: vec![] },
        Reply::End,
        Reply::Error { code: "busy".into(), reason: "try later".into() },
    ]
}

#[test]
fn what_is_written_is_canonical_and_reads_back() {
    for request in requests() {
        let mut frame = Vec::new();
        request.frame(&mut frame).expect("fits");
        let body = &frame[HEADER_BYTES..];
        assert_eq!(crate::canon::canonical(&crate::jsonl::parse(body).expect("strict")), body, "{request:?}");
        assert_eq!(Request::decode(body).expect("reads"), request);
    }
    for reply in replies() {
        let mut frame = Vec::new();
        reply.frame(&mut frame).expect("fits");
        let body = &frame[HEADER_BYTES..];
        assert_eq!(crate::canon::canonical(&crate::jsonl::parse(body).expect("strict")), body, "{reply:?}");
        assert_eq!(Reply::decode(body).expect("reads"), reply);
    }
}

#[test]
fn other_spellings_are_refused() {
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"op":1}"#,
        r#"{"op":"nonsense"}"#,
        r#"{"elements":["a"],"op":"get"} "#,
        r#"{"op":"get","elements":["a"]}"#,
        r#"{"elements":["a", "b"],"op":"get"}"#,
        r#"{"elements":["\u0061"],"op":"get"}"#,
        r#"{"elements":["a",1],"op":"get"}"#,
        r#"{"elements":"a","op":"get"}"#,
        r#"{"elements":["a"],"op":"get","other":1}"#,
        r#"{"ids":["a"],"elements":["a"],"op":"get"}"#,
        r#"{"events":[1],"op":"put"}"#,
        r#"{"events":["{}"],"op":"put"}"#,
        r#"{"events":[{}{}],"op":"put"}"#,
        r#"{"ids":["a"],"op":"await","wait_ms":30001}"#,
        r#"{"ids":["a"],"op":"await","wait_ms":-1}"#,
        r#"{"ids":["a"],"op":"await"}"#,
        r#"{"ids":[],"op":"peers"}"#,
        r#"{"op":"clock","time":"1970-01-01T00:00:00.000Z"}"#,
        r#"{"op":"took","place":9007199254740992}"#,
        r#"{"op":"took","place":-1}"#,
        r#"{"op":"took","place":1.5}"#,
        r#"{"name":1,"op":"forget"}"#,
        r#"{"name":"458RV","op":"find"}"#,
        r#"{"name":"458RV","op":"find","wait_ms":30001}"#,
        r#"{"only":1,"op":"ids","ranges":[]}"#,
        r#"{"op":"ids","ranges":[1]}"#,
        r#"{"op":"ids","ranges":[{"from":"00","to":"ff"}]}"#,
        r#"{"op":"ids","ranges":[{"from":"00","fingerprint":"0-00","to":"ff"}]}"#,
    ] {
        assert!(Request::decode(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Request::decode(&[0xff; 9]).is_err());
    assert!(Reply::decode(br#"{"op":"end","x":1}"#).is_err());
    assert!(Reply::decode(br#"{"events":[{}],"op":"handed","places":[]}"#).is_err());
    assert!(Reply::decode(br#"{"op":"stored","refused":[{}]}"#).is_err());
    for bad in ["{}", "1", r#"{"same":false}"#, r#"{"elements":[],"same":true}"#, r#"{"pieces":[{"to":"ff"}]}"#] {
        assert!(Reply::decode(format!(r#"{{"op":"ids","ranges":[{bad}]}}"#).as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_limit_is_exact() {
    let empty = br#"{"elements":[""],"op":"get"}"#.len();
    for (length, fits) in [(FRAME_LIMIT_BYTES, true), (FRAME_LIMIT_BYTES + 1, false)] {
        let request = Request::Get { elements: vec!["x".repeat(length - empty)] };
        let mut frame = b"before".to_vec();
        assert_eq!(request.frame(&mut frame).is_ok(), fits, "{length}");
        assert_eq!(frame.len() > 6, fits);
        let body = format!(r#"{{"elements":["{}"],"op":"get"}}"#, "x".repeat(length - empty));
        assert_eq!(Request::decode(body.as_bytes()).is_ok(), fits);
        assert_eq!(body_length((length as u32).to_be_bytes()).is_ok(), fits);
    }
    let mut body = Vec::new();
    let lying = read_body(&mut &[0xff; 64][..], &mut body);
    assert!(matches!(lying, Err(FrameError::TooLarge(_))));
    assert_eq!(body.capacity(), 0, "nothing was allocated");
}
