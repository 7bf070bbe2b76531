use super::*;
use crate::trust::{Agent, Config, Dimension, Recent, Shown};
use proptest::prelude::*;

fn shown() -> impl Strategy<Value = Shown> {
    let text = || prop::option::of("[a-z:\u{e4}]{0,9}".prop_map(String::into_boxed_str));
    let weight = prop::option::of(0.0..9.0f64);
    (0..5usize, 0.0..=1.0f64, any::<i32>(), "[a-z]{0,9}", text(), text(), weight, text()).prop_map(
        |(dimension, value, at, source, details, trace_id, weight, author)| Shown {
            dimension: Dimension::ALL[dimension],
            value,
            at: i64::from(at) * 1000,
            source: source.into(),
            details,
            trace_id,
            weight,
            author,
        },
    )
}

/// An agent that has taken some lots of signals and a tick after each.
fn agent() -> impl Strategy<Value = Agent> {
    let lot = (0..5usize, 0.0..=1.0f64, 1..80usize, -9_000_000_000_000..9_000_000_000_000i64);
    prop::collection::vec(lot, 0..40).prop_map(|lots| {
        let mut agent = Agent::default();
        for (dimension, value, times, at) in lots {
            for turn in 0..times {
                agent.signal(
                    Dimension::ALL[(dimension + turn / 7) % 5],
                    if turn % 11 == 3 { value } else { (turn * 37 % 1001) as f64 / 1000.0 },
                    at + turn as i64 * 1000,
                    &Config::default(),
                );
            }
            if times % 2 == 0 {
                agent.recalculate(at, &Config::default());
            }
        }
        agent
    })
}

fn bytes_of(agent: &Agent) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_agent(agent, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is read again is the same agent, and no part of its bytes is one.
    #[test]
    fn an_agent_comes_back_whole_or_not_at_all(agent in agent(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 12)) {
        let bytes = bytes_of(&agent);
        let read = decode_agent(&bytes).expect("its own bytes");
        prop_assert_eq!(read.parts(), agent.parts());
        for cut in cuts {
            prop_assert_eq!(decode_agent(&bytes[..cut.index(bytes.len())]).err(), Some(BytesError));
        }
        let longer = [&bytes[..], b"\0"].concat();
        prop_assert_eq!(decode_agent(&longer).err(), Some(BytesError));
    }

    /// A changed byte gives another good agent or an error, never a panic; and
    /// what was read writes the same bytes again, so nothing of it was lost.
    #[test]
    fn changed_bytes_are_judged(agent in agent(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 40)) {
        let good = bytes_of(&agent);
        for (at, byte) in changes {
            let mut bytes = good.clone();
            let at = at.index(bytes.len().min(60));
            bytes[at] = byte;
            if let Ok(read) = decode_agent(&bytes) {
                prop_assert_eq!(decode_agent(&bytes_of(&read)).expect("its own bytes").parts(), read.parts());
            }
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut versioned = bytes.clone();
        versioned.splice(0..0, [VERSION, 0]);
        for bytes in [&bytes, &versioned] {
            let _ = decode_agent(bytes);
            let _ = RecentBytes::read(bytes);
            prop_assert!(Entries::new(bytes).count() <= bytes.len());
        }
    }

    #[test]
    fn recent_signals_come_back(signals in prop::collection::vec(shown(), 0..14), cut in any::<prop::sample::Index>()) {
        let (mut recent, mut bytes) = (Recent::default(), RecentBytes::default());
        for shown in signals {
            bytes.push(&Kept::from(&shown));
            recent.push(shown);
        }
        let read = RecentBytes::read(bytes.as_bytes()).expect("its own bytes").recent();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), recent.iter().collect::<Vec<_>>());
        let bytes = bytes.as_bytes();
        prop_assert!(RecentBytes::read(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(RecentBytes::read(&[bytes, b"\0"].concat()).is_err());
    }

    #[test]
    fn entries_come_back_in_order(
        signals in prop::collection::vec(("[a-z:]{1,20}", shown()), 1..12),
        tick in -1_000_000..1_000_000_000_000i64,
        cut in any::<prop::sample::Index>(),
    ) {
        let config = Config { revocation_threshold: 299, update_interval_seconds: 7, ..Config::default() };
        let mut bytes = Vec::new();
        encode_config(&config, &mut bytes);
        for (did, shown) in &signals {
            encode_signal(did, &shown.into(), &mut bytes);
        }
        encode_tick(tick, &mut bytes);
        let read: Result<Vec<_>, _> = Entries::new(&bytes).collect();
        let mut expected = vec![Entry::Config(config)];
        expected.extend(signals.iter().map(|(did, shown)| Entry::Signal(did, shown.clone())));
        expected.push(Entry::Tick(tick));
        prop_assert_eq!(read.expect("its own bytes"), expected);
        // A cut log is a prefix of it, with an error unless the cut is between two.
        let some: Vec<_> = Entries::new(&bytes[..cut.index(bytes.len())]).collect();
        let good = some.iter().filter(|entry| entry.is_ok()).count();
        prop_assert!(good <= signals.len() + 1 && some.len() <= good + 1);
    }
}

#[test]
fn a_newcomer_is_small_and_a_veteran_bounded() {
    let (mut agent, config) = (Agent::default(), Config::default());
    let now = 1_800_000_000_000;
    assert_eq!(bytes_of(&agent).len(), 8);
    agent.signal(Dimension::OutputQuality, 1.0, now, &config);
    agent.recalculate(now, &config);
    let newcomer = bytes_of(&agent).len();
    assert!(newcomer <= 26, "{newcomer}");
    for (value, most) in [(0.1, 1_860), (0.1234, 1_860), (0.12345, 4_860)] {
        for turn in 0..5000 {
            agent.signal(Dimension::ALL[turn % 5], value, now + turn as i64 * 1000, &config);
        }
        let veteran = bytes_of(&agent).len();
        assert!(veteran <= most, "{veteran}");
        assert_eq!(decode_agent(&bytes_of(&agent)).expect("its own bytes").parts(), agent.parts());
    }
}

#[test]
fn what_no_agent_has_is_refused() {
    let mut agent = Agent::default();
    agent.signal(Dimension::OutputQuality, 1.0, 5, &Config::default());
    // A value that is no decimal of four digits, then one that is.
    let mut doubles = agent.clone();
    doubles.signal(Dimension::OutputQuality, 1.0 / 3.0, 5, &Config::default());
    let mut bytes = bytes_of(&doubles);
    assert_eq!(bytes[1], STALE_AND_SIGNAL | 0x20);
    let last = bytes.len() - 2;
    for (byte, what) in [(0x40, "a value over 1"), (0xbf, "a value under 0"), (0x7f, "no number")] {
        bytes[last] = byte;
        assert!(decode_agent(&bytes).is_err(), "{what}");
    }
    let good = bytes_of(&agent);
    // version, flags, total (2 bytes), signals, late, last signal, length, order, value, history
    assert_eq!(good[..9], [VERSION, STALE_AND_SIGNAL, 0xf4, 3, 1, 0, 10, 1, 2]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode_agent(&bytes).is_ok()
    };
    assert!(with(1, STALE_AND_SIGNAL), "unchanged");
    assert!(with(10, 0x27), "10,000 parts and a few less are good");
    for (at, byte, what) in [
        (0, 2, "another version"),
        (1, 0x85, "doubles of a dimension without a signal"),
        (1, 1, "a signal without its time"),
        (3, 8, "a total over 1000"),
        (4, 0, "fewer signals than the window holds"),
        (5, 2, "more late signals than signals"),
        (8, 5 + 2, "a second digit for a window of one"),
        (10, 0x28, "a value over 1"),
        (11, 101, "a history that is not there"),
    ] {
        assert!(!with(at, byte), "{what}");
    }
}

const STALE_AND_SIGNAL: u8 = 5;
