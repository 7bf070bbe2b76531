//! The fast path takes only what the general one takes, and takes it for the
//! same; and it does take the common line.

use super::fast::quick;
use super::*;
use crate::jsonl::{Block, Blocks, SLACK_BYTES};

/// Lines that are made of all that the fast path knows, and near misses.
const SEEDS: [&str; 14] = [
    r#"{"agent_did":"did:key:z6Mk#BPNTVYSZ5Y","dimension":"policy_compliance","value":0.25,"source":"s","timestamp":"2026-11-21T12:00:00Z"}"#,
    r#"{"agent_did": "did:key:z6Mk#BPNTVYSZ5Y", "dimension": "output_quality", "value": 1, "source": "consumer:x", "details": null}"#,
    r#"{"value":0.13436424411240122,"source":"","agent_did":"a","dimension":"resource_efficiency","weight":1.0,"trace_id":"0f"}"#,
    r#"{"type":"signal","v":1,"id":"i","author":"b","agent_did":"a","dimension":"security_posture","value":0,"source":"s","details":"Policy: \"x\""}"#,
    r#"{"agent_did":"a","dimension":"collaboration_health","value":1.0,"source":"collaboration:é","timestamp":"2026-11-21t12:00:00.123456+01:30"}"#,
    r#"{"agent_did":"é","dimension":"collaboration_health","value":1.0,"source":"s"}"#,
    r#"{"agent_did":"a","dimension":"policy_compliance","value":0.000000000000000001,"source":"s","weight":0.5}"#,
    r#"{"agent_did":"a","dimension":"policy_compliance","value":0.999999999999999999,"source":"s","weight":1e3}"#,
    r#"{"agent_did":"a","dimension":"policy_compliance","value":1.0000000000000002,"source":"s","x":1}"#,
    r#"{"agent_did":"a","dimension":"policy_compliance","value":-0,"source":"s"}"#,
    r#"{"agent_did":"a","dimension":"policy_compliance","value":"0.5","source":"s"}"#,
    r#"{"agent_did":"a","agent_did":"a","dimension":"policy_compliance","value":0.5,"source":"s"}"#,
    r#"{"type":"policy","agent_did":"a","compliant":true,"policy":"p"}"#,
    r#"{"agent_did":"","dimension":"policy_compliance","value":0.5}"#,
];

/// Pieces that a mutation puts in.
const PIECES: [&[u8]; 40] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b",",
    b":",
    b" ",
    b"  ",
    b"\t",
    b"\r",
    b"\0",
    b"\x7f",
    b"\xc2\x85",
    b"\xc3\xa9",
    b"\xff",
    b"\xe2\x80",
    b"0",
    b"1",
    b"9",
    b"00",
    b".",
    b"-",
    b"+",
    b"e",
    b"E5",
    b"12345678901234567890",
    b"null",
    b"true",
    b"[]",
    b"\\u0041",
    b"\"value\":0,",
    b"\"source\":\"s\",",
    b",\"id\":\"i\"",
    b"\"type\":\"signal\",",
    b"\"x\":{},",
    b"Z",
    b"+00:00",
    b"a",
    b"_quality\"",
    b"T",
];

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % most
    }
}

/// Whether the fast path took it; if so, so must the general one, for the same.
/// Neither panics.
fn agree(line: &[u8]) -> bool {
    let mut block = b"before\n".to_vec();
    block.extend_from_slice(line);
    block.extend_from_slice(b"\nbehind");
    block.resize(block.len() + SLACK_BYTES, 0);
    let shown = String::from_utf8_lossy(line);
    let mut reader = Reader::default();
    let general = reader.line(line.strip_suffix(b"\r").unwrap_or(line));
    let Some((fast, next)) = quick(&block, 7) else { return false };
    assert_eq!(next, 7 + line.len() + 1, "{shown}");
    match general {
        Ok(Line::Signal(general)) => {
            assert_eq!(*general, fast.signal(&block), "{shown}");
            assert_eq!(general.value.to_bits(), fast.signal(&block).value.to_bits(), "{shown}");
        }
        other => panic!("{shown}: the general path says {other:?}"),
    }
    true
}

#[test]
fn a_mutated_line_is_read_alike_or_left_to_the_general_path() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for _ in 0..300_000 {
        let mut line = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(line.len() + 1);
            match random.below(4) {
                0 => _ = line.splice(at..(at + 1).min(line.len()), PIECES[random.below(PIECES.len())].iter().copied()),
                1 => _ = line.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied()),
                2 => _ = line.drain(at..(at + random.below(8)).min(line.len())),
                _ if at < line.len() => line[at] ^= 1 << random.below(8),
                _ => {}
            }
        }
        if !line.contains(&b'\n') {
            taken += usize::from(agree(&line));
        }
    }
    assert!(taken > 20_000, "{taken} of 300,000 lines were taken");
}

#[test]
fn values_of_all_lengths_round_alike() {
    let mut random = Random(1);
    for turn in 0..20_000 {
        let digits: String = (0..=turn % 20).map(|_| char::from(b'0' + random.below(10) as u8)).collect();
        let zeros = "0".repeat(random.below(4));
        for value in [format!("0.{zeros}{digits}"), format!("1.{zeros}"), format!("1.{zeros}{digits}")] {
            agree(SEEDS[0].replace("0.25", &value).as_bytes());
        }
    }
    assert!(agree(SEEDS[0].replace("0.25", "0.13436424411240122").as_bytes()));
}

#[test]
fn common_lines_are_taken() {
    let typed = SEEDS[0].replace('{', "{\"type\":\"signal\",\"v\":1,\"id\":\"i\",\"author\":\"b\",");
    for line in [SEEDS[0], SEEDS[2], SEEDS[4], &typed] {
        assert!(agree(line.as_bytes()), "{line}");
        assert!(agree(line.replace(",\"", ", \"").replace("\":", "\": ").as_bytes()), "{line}");
        assert!(agree(format!("{line}\r").as_bytes()), "{line}");
    }
    for len in [1, 255, 256, 257] {
        let long = |name: &str, text: &str| SEEDS[0].replace(text, &name.repeat(len));
        assert_eq!(agree(long("a", "did:key:z6Mk#BPNTVYSZ5Y").as_bytes()), len <= 256);
        assert_eq!(agree(SEEDS[0].replace("\"s\"", &format!("\"{}\"", "a".repeat(len))).as_bytes()), len <= 256);
    }
    let details =
        |len: usize| SEEDS[0].replace("\"source\"", &format!("\"details\":\"{}\",\"source\"", "é".repeat(len)));
    assert!(agree(details(2048).as_bytes()) && !agree(details(2049).as_bytes()));
}

/// What a block's lines are, by the numbers of those that are no common signal.
fn items(input: &[u8]) -> (Vec<(Option<u32>, String)>, u32) {
    let (mut blocks, mut block, mut parsed) = (Blocks::new(input), Block::default(), Parsed::default());
    let (mut items, mut before) = (Vec::new(), 0);
    while blocks.next(&mut block).expect("a slice does not fail") {
        parsed.read(&block);
        let each = |line: Option<u32>, item: Item<'_>| {
            let text = match item {
                Item::Signal(seen) => seen.whole(|signal| signal.source.to_string()),
                Item::Other => "other".to_owned(),
                Item::Fault(fault) => fault.to_string(),
            };
            items.push((line.map(|line| line + before), text));
            Ok::<(), ()>(())
        };
        parsed.each(&block, each).expect("nothing fails");
        before += parsed.lines();
    }
    (items, before)
}

#[test]
fn a_block_keeps_the_order_of_its_lines() {
    let line =
        |source: &str| format!(r#"{{"agent_did":"a","dimension":"output_quality","value":1,"source":"{source}"}}"#);
    let input = [
        line("one"),
        String::new(),
        "{}".into(),
        line("\\u0074wo"),
        line("three") + "\r",
        "x".repeat(2 << 20),
        line("four"),
        r#"{"specversion":"1.0","type":"cooee.note.v1"}"#.into(),
        line("five")[..50].into(),
    ];
    let (items, lines) = items(input.join("\n").as_bytes());
    let own = |items: &[(Option<u32>, &str)]| {
        items.iter().map(|(line, text)| (*line, (*text).to_owned())).collect::<Vec<_>>()
    };
    let want = own(&[
        (None, "one"),
        (Some(2), "\"agent_did\" is missing"),
        (Some(3), "two"),
        (None, "three"),
        (Some(5), "line is longer than 1048576 bytes"),
        (None, "four"),
        (Some(7), "other"),
        (Some(8), "column 51: the JSON text ends too early; the input ends inside this line"),
    ]);
    assert_eq!((items, lines), (want, 9));
}
