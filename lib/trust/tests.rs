//! Against the engine's own numbers, and against its mathematics written plainly.

use super::*;
use proptest::prelude::*;

/// The engine as FACTS say it: everything added up anew each time.
#[derive(Default)]
struct Plain {
    signals: Vec<(Dimension, f64)>,
}

impl Plain {
    fn push(&mut self, dimension: Dimension, value: f64) {
        self.signals.push((dimension, value));
        if self.signals.len() > 1000 {
            self.signals.remove(0);
        }
    }

    fn score(&self, dimension: Dimension) -> f64 {
        let values: Vec<f64> =
            self.signals.iter().filter(|signal| signal.0 == dimension).map(|signal| signal.1).collect();
        let (mut total, mut weights) = (0.0, 0.0);
        for (i, value) in values[values.len().saturating_sub(100)..].iter().enumerate() {
            let weight = 1.0 + (i as f64 / 100.0);
            total += value * weight;
            weights += weight;
        }
        if values.is_empty() { 50.0 } else { total / weights * 100.0 }
    }

    fn total(&self, weights: &[f64; 5]) -> u16 {
        let mut sum = 0.0;
        for (dimension, weight) in Dimension::ALL.into_iter().zip(weights) {
            sum += self.score(dimension) * weight;
        }
        ((sum * 10.0) as i64).clamp(0, 1000) as u16
    }
}

fn golden() -> serde_json::Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/reward/golden.json");
    serde_json::from_slice(&std::fs::read(path).expect("the golden cases")).expect("JSON")
}

fn signals(case: &serde_json::Value) -> Vec<(Dimension, f64)> {
    if let Some(listed) = case["signals"].as_array() {
        let signal = |signal: &serde_json::Value| {
            let name = signal["dimension"].as_str().expect("a name");
            (Dimension::from_name(name.as_bytes()).expect("a dimension"), signal["value"].as_f64().expect("a value"))
        };
        return listed.iter().map(signal).collect();
    }
    // FACTS: 50 zeros then 100 ones; and one zero then 100 ones.
    let count = case["signals"]["n"].as_u64().expect("a count");
    (0..count).map(|n| (Dimension::PolicyCompliance, if n < count - 100 { 0.0 } else { 1.0 })).collect()
}

#[test]
fn every_golden_case_comes_out_equal() {
    let golden = golden();
    let cases = golden["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 16);
    for case in cases {
        let name = &case["name"];
        let mut config = Config::default();
        for (key, value) in case["config"].as_object().expect("an object") {
            let dimension = Dimension::from_name(key.trim_end_matches("_weight").as_bytes()).expect("a dimension");
            config.weights[dimension.index()] = value.as_f64().expect("a weight");
        }
        config.check().expect("good weights");
        let mut agent = Agent::default();
        for (at, (dimension, value)) in signals(case).into_iter().enumerate() {
            agent.signal(dimension, value, at as i64, &config);
        }
        agent.recalculate(1000, &config);
        let history: Vec<u64> = agent.history().map(|point| point.total.into()).collect();
        let expected: Vec<u64> =
            case["history"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64).collect();
        assert_eq!(history, expected, "{name}");
        assert_eq!(u64::from(agent.total()), case["total"].as_u64().expect("a total"), "{name}");
        assert_eq!(agent.tier().name(), case["tier"], "{name}");
        assert_eq!(agent.trend().name(), case["trend"], "{name}");
        assert_eq!(agent.revocation().is_some(), case["revoked"], "{name}");
        assert_eq!(
            agent.revocation().map(|revocation| revocation.reason()).as_deref(),
            case["reason"].as_str(),
            "{name}"
        );
        for dimension in Dimension::ALL {
            let (ours, theirs) = (agent.window().score(dimension), &case["dims"][dimension.name()]);
            assert!((ours - theirs.as_f64().expect("a score")).abs() < 1e-9, "{name}: {ours} {theirs}");
            assert_eq!(u64::from(agent.window().count(dimension)), case["counts"][dimension.name()], "{name}");
        }
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..=1.0,
        Just(0.0),
        Just(1.0),
        (0..=100u8).prop_map(|n| f64::from(n) / 100.0),
        (0..=4u8).prop_map(|n| f64::from(n) / 4.0)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The sums that slide never give another total, and never another score,
    /// than adding all up; and a window built from its parts goes on as it would have.
    #[test]
    fn sliding_never_differs_from_adding_up(
        lots in prop::collection::vec((0..5usize, value(), 1..60usize), 1..90),
        weights in prop::array::uniform5(0.01..1.0f64),
        cut in 0..2000usize,
    ) {
        let sum: f64 = weights.iter().sum();
        let weights = weights.map(|weight| weight / sum);
        let (mut window, mut plain) = (Window::default(), Plain::default());
        let mut taken = 0;
        for (dimension, value, times) in lots {
            let dimension = Dimension::ALL[dimension];
            for turn in 0..times {
                let value = if turn % 3 == 0 { value } else { (value * 7.0 + turn as f64 * 0.61).fract() };
                window.push(dimension, value);
                plain.push(dimension, value);
                taken += 1;
                prop_assert_eq!(window.total(&weights), plain.total(&weights));
                prop_assert_eq!(window.total(&Config::default().weights), plain.total(&Config::default().weights));
                if taken == cut {
                    let order: Vec<_> = window.order().collect();
                    let values = Dimension::ALL.map(|dimension| window.values(dimension).collect());
                    window = Window::from_parts(&order, &values).expect("its own parts");
                }
            }
            for dimension in Dimension::ALL {
                prop_assert_eq!(window.score(dimension).to_bits(), plain.score(dimension).to_bits());
            }
        }
        prop_assert_eq!(window.len(), plain.signals.len());
    }

    /// An agent taken apart and put together goes on as it would have.
    #[test]
    fn parts_are_the_whole_agent(signals in prop::collection::vec((0..5usize, value(), -5..50i64), 0..400), at in 0..400usize) {
        let config = Config::default();
        let (mut whole, mut parted) = (Agent::default(), Agent::default());
        for (turn, (dimension, value, time)) in signals.into_iter().enumerate() {
            if turn == at {
                parted = Agent::from_parts(&parted.parts()).expect("its own parts");
            }
            for agent in [&mut whole, &mut parted] {
                agent.signal(Dimension::ALL[dimension], value, time * 1000, &config);
            }
            prop_assert_eq!(whole.parts(), parted.parts());
        }
    }
}

#[test]
fn ticks_are_history_and_late_signals_are_counted() {
    let (mut fleet, config) = (Fleet::default(), Config::default());
    let handle = fleet.handle("did:key:a#b");
    assert_eq!(fleet.agent(handle).total(), 500);
    for at in [10, 5, 10, 11] {
        fleet.agent_mut(handle).signal(Dimension::OutputQuality, 0.9, at, &config);
    }
    assert!(fleet.agent(handle).stale());
    fleet.tick(30, &config);
    let agent = fleet.agent(handle);
    assert_eq!((agent.late(), agent.signals(), agent.last_signal()), (1, 4, Some(11)));
    assert_eq!(agent.history().collect::<Vec<_>>(), [Point { at: 30, total: 580 }]);
    assert!(!agent.stale());
}

#[test]
fn the_last_ten_signals_are_kept_only_when_wanted() {
    let config = Config::default();
    let signal = |n: u8| Signal {
        agent_did: "did:key:a".into(),
        dimension: Dimension::PolicyCompliance,
        value: f64::from(n) / 100.0,
        at: n.is_multiple_of(2).then_some(n.into()),
        source: format!("s{n}").into(),
        details: None,
        trace_id: None,
        weight: None,
        author: None,
        id: None,
    };
    let (mut without, mut with) = (Fleet::default(), Fleet::default().with_recent());
    for n in 0..25 {
        let (_, immediate) = without.take(&signal(n), 99, &config);
        assert!(immediate);
        with.take(&signal(n), 99, &config);
    }
    let handle = with.find("did:key:a").expect("known");
    let seen: Vec<(i64, &str)> = with.recent(handle).map(|shown| (shown.at, shown.source.as_ref())).collect();
    assert_eq!((seen.len(), seen[0], seen[9]), (10, (99, "s15"), (24, "s24")));
    assert_eq!(without.recent(handle).count(), 0);
    for (of, kept) in [("did:key:a", 10), ("did:key:b", 0)] {
        let mut some = Fleet::default().with_recent_of(&[of.to_owned()]);
        for n in 0..25 {
            some.take(&signal(n), 99, &config);
        }
        assert_eq!((some.recent(handle).count(), some.keeps_signals_of("did:key:a")), (kept, kept > 0));
    }
}

#[test]
fn a_fleet_finds_its_agents_again() {
    let mut fleet = Fleet::default();
    let names: Vec<String> = (0..5000).map(|n| format!("did:key:z{}", n * 7919 % 5000)).collect();
    let handles: Vec<Handle> = names.iter().map(|name| fleet.handle(name)).collect();
    assert_eq!(fleet.len(), 5000);
    for (name, handle) in names.iter().zip(&handles) {
        assert_eq!(
            (fleet.handle(name), fleet.find(name), fleet.name(*handle)),
            (*handle, Some(*handle), name.as_str())
        );
    }
    assert_eq!(fleet.find("did:key:z5000"), None);
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(fleet.sorted().into_iter().map(|handle| fleet.name(handle).to_owned()).collect::<Vec<_>>(), sorted);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused() {
    let with = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.check().map_err(|error| error.to_string())
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|config| config.weights = [0.2505, 0.15, 0.2, 0.25, 0.15]), Ok(()));
    let refused = [
        with(|config| config.weights[0] = 0.26),
        with(|config| config.weights[1] = -0.15),
        with(|config| config.weights[2] = f64::NAN),
        with(|config| config.revocation_threshold = 1001),
        with(|config| config.update_interval_seconds = 0),
        with(|config| config.update_interval_seconds = 301),
    ];
    let expected = [
        "the weights sum to 1.01, not to 1",
        "the weight of resource_efficiency is -0.15, which is not between 0 and 1",
        "the weight of output_quality is NaN, which is not between 0 and 1",
        "revocation_threshold is 1001, which is not between 0 and 1000",
        "update_interval_seconds is 0, which is not between 1 and 300",
        "update_interval_seconds is 301, which is not between 1 and 300",
    ];
    assert_eq!(refused.map(|refused| refused.expect_err("refused")), expected);
}
