//! EigenTrust by its definition, and an attack of Sybils beside the plain mean.

use super::*;
use proptest::prelude::*;

fn said(values: &[f64]) -> Said {
    let mut said = Said::default();
    for value in values {
        said.add(*value);
    }
    said
}

/// Speaker, agent, values.
type Word = (String, String, Vec<f64>);

fn rank(pretrusted: &[&str], words: &[Word]) -> Graph {
    let heard = |(speaker, agent, values): &Word| (speaker.clone(), agent.clone(), said(values));
    let heard: Vec<_> = words.iter().map(heard).collect();
    Graph::rank(pretrusted, heard.iter().map(|(speaker, agent, said)| Heard { speaker, agent, said: *said }).collect())
}

fn word(speaker: impl Into<String>, agent: impl Into<String>, values: &[f64]) -> Word {
    (speaker.into(), agent.into(), values.to_vec())
}

#[test]
fn trust_is_handed_on_and_starts_again() {
    let words = [word("p", "a", &[1.0; 3]), word("a", "b", &[1.0]), word("a", "c", &[0.0]), word("b", "c", &[0.5])];
    let graph = rank(&["p"], &words);
    // b has had no good handoff, so its trust goes back to p; by hand:
    let p = 0.15 / (1.0 - 0.85f64.powi(3));
    for (name, trust) in [("p", p), ("a", 0.85 * p), ("b", 0.85 * 0.85 * p), ("c", 0.0), ("nobody", 0.0)] {
        assert!((graph.trust(name) - trust).abs() < 1e-9, "{name}: {} {trust}", graph.trust(name));
    }
    // The prior's weight is 0.15: a is spoken of by p alone.
    assert!((graph.collaboration("a") - (p * 100.0 + 0.15 * 50.0) / (p + 0.15)).abs() < 1e-9);
    assert!(graph.collaboration("c") < 30.0);
    assert_eq!([graph.collaboration("p"), graph.collaboration("nobody")].map(f64::to_bits), [50.0f64.to_bits(); 2]);
}

#[test]
fn a_key_is_one_voice_for_all_its_agents() {
    let graph = rank(
        &["did:key:zP#ONE"],
        &[word("did:key:zP", "did:key:zA#ONE", &[1.0]), word("did:key:zP", "did:key:zA#TWO", &[0.0])],
    );
    assert_eq!(graph.trust("did:key:zA#ONE").to_bits(), graph.trust("did:key:zA#TWO").to_bits());
    assert!(graph.trust("did:key:zP#OTHER") > 0.5, "the whole key is trusted beforehand");
    // One good handoff and one bad one: the key gets nothing, each agent its own.
    assert_eq!(graph.trust("did:key:zA").to_bits(), 0);
    assert!(graph.collaboration("did:key:zA#ONE") > 90.0 && graph.collaboration("did:key:zA#TWO") < 10.0);
}

/// Twenty honest hosts, three of them trusted beforehand, whose handoffs
/// succeed nineteen times of twenty; one host that fails four times of five;
/// fifty Sybils that praise each other and run down the honest.
fn attack() -> Vec<Word> {
    let mut words = Vec::new();
    let honest = |n: usize| format!("did:key:zHonest{n:02}");
    for (speaker, agent) in
        (0..20).flat_map(|a| (0..20).map(move |b| (a, b))).filter(|(a, b)| a != b && (a + b) % 3 != 0)
    {
        let mut values = [1.0; 20];
        values[(speaker * 7 + agent) % 20] = 0.0;
        words.push(word(honest(speaker), honest(agent) + "#AGENT", &values));
    }
    for speaker in 0..20 {
        words.push(word(honest(speaker), "did:key:zClumsy#AGENT", &[0.0, 0.0, 1.0, 0.0, 0.0]));
        words.push(word("did:key:zClumsy", honest(speaker) + "#AGENT", &[1.0, 1.0]));
    }
    for sybil in 0..50 {
        for next in 1..=5 {
            words.push(word(
                format!("did:key:zSybil{sybil:02}"),
                format!("did:key:zSybil{:02}#AGENT", (sybil + next) % 50),
                &[1.0; 20],
            ));
        }
        words.push(word(format!("did:key:zSybil{sybil:02}"), honest(sybil % 20) + "#AGENT", &[0.0; 20]));
    }
    words
}

const PRETRUSTED: [&str; 3] = ["did:key:zHonest00", "did:key:zHonest01", "did:key:zHonest02"];

/// The engine's way: every word counts the same.
fn plain_mean(words: &[Word], agent: &str) -> f64 {
    let values: Vec<f64> =
        words.iter().filter(|word| word.1 == agent).flat_map(|word| word.2.iter().copied()).collect();
    values.iter().sum::<f64>() / values.len() as f64 * 100.0
}

/// The worst and the best of those agents.
fn range(prefix: &str, words: &[Word], score: impl Fn(&str) -> f64) -> (f64, f64) {
    let agents = words.iter().map(|word| word.1.as_str()).filter(|agent| agent.starts_with(prefix));
    agents.map(score).fold((f64::MAX, f64::MIN), |(least, most), score| (least.min(score), most.max(score)))
}

#[test]
fn a_ring_of_sybils_gains_nothing() {
    let words = attack();
    let graph = rank(&PRETRUSTED, &words);
    let plain = |prefix| range(prefix, &words, |agent| plain_mean(&words, agent));
    let ranked = |prefix| range(prefix, &words, |agent| graph.collaboration(agent));
    // By the plain mean every Sybil is perfect, and every honest agent is worse.
    assert_eq!(plain("did:key:zSybil"), (100.0, 100.0));
    assert!(plain("did:key:zHonest").1 < 86.0, "{:?}", plain("did:key:zHonest"));
    // By the graph every Sybil is as unknown as it is.
    assert_eq!(ranked("did:key:zSybil"), (50.0, 50.0));
    assert!(ranked("did:key:zHonest").0 > 88.0, "{:?}", ranked("did:key:zHonest"));
    assert!(ranked("did:key:zClumsy").1 < 24.0, "{:?}", ranked("did:key:zClumsy"));
    let sybils: f64 = (0..50).map(|n| graph.trust(&format!("did:key:zSybil{n:02}"))).sum();
    assert_eq!(sybils.to_bits(), 0);
    // Without them the honest have the very same scores, for what they say has no weight.
    let without: Vec<Word> = words.iter().filter(|word| !word.0.contains("Sybil")).cloned().collect();
    let calm = rank(&PRETRUSTED, &without);
    for n in 0..20 {
        let agent = format!("did:key:zHonest{n:02}#AGENT");
        assert_eq!(graph.collaboration(&agent).to_bits(), calm.collaboration(&agent).to_bits());
    }
}

/// What a ring gets that has talked an honest host into good handoffs with one
/// of its keys: what that host has to give, however many Sybils there are.
#[test]
fn a_ring_with_one_deceived_host_gains_what_that_host_gives() {
    let with_sybils = |count: usize| {
        let mut words: Vec<Word> = attack().into_iter().filter(|word| !word.0.contains("Sybil")).collect();
        words.push(word("did:key:zHonest09", "did:key:zSybil00#AGENT", &[1.0; 20]));
        for sybil in 0..count {
            words.push(word(
                format!("did:key:zSybil{sybil:02}"),
                format!("did:key:zSybil{:02}#AGENT", (sybil + 1) % count),
                &[1.0; 100],
            ));
        }
        let graph = rank(&PRETRUSTED, &words);
        let best = range("did:key:zSybil", &words, |agent| graph.collaboration(agent)).1;
        let trust: f64 = (0..count).map(|n| graph.trust(&format!("did:key:zSybil{n:02}"))).sum();
        (best, trust, range("did:key:zHonest", &words, |agent| graph.collaboration(agent)).0)
    };
    let (few, many) = (with_sybils(5), with_sybils(500));
    assert!(few.1 < 0.05 && many.1 < 0.05, "{few:?} {many:?}");
    assert!((few.1 - many.1).abs() < 0.01, "more Sybils get no more: {few:?} {many:?}");
    // The man page's numbers.
    for (best, trust, _) in [few, many] {
        assert_eq!(((trust * 1000.0).round(), best.floor()), (19.0, 73.0), "{few:?} {many:?}");
    }
    assert!(few.0 < few.2 && many.0 < many.2, "the best Sybil is below the worst honest agent: {few:?} {many:?}");
}

/// The definition, on a full matrix.
fn dense(pretrusted: &[usize], words: &[(usize, usize, Vec<f64>)], count: usize) -> Vec<f64> {
    let mut local = vec![vec![0.0; count]; count];
    for (from, to, values) in words.iter().filter(|(from, to, _)| from != to) {
        local[*from][*to] += values.iter().map(|value| 2.0 * value - 1.0).sum::<f64>();
    }
    let start: Vec<f64> =
        (0..count).map(|n| if pretrusted.contains(&n) { 1.0 / pretrusted.len() as f64 } else { 0.0 }).collect();
    for row in &mut local {
        for part in row.iter_mut() {
            *part = part.max(0.0);
        }
        let sum: f64 = row.iter().sum();
        *row = if sum > 0.0 { row.iter().map(|part| part / sum).collect() } else { start.clone() };
    }
    let mut trust = start.clone();
    for _ in 0..400 {
        let next = (0..count).map(|to| 0.85 * (0..count).map(|from| local[from][to] * trust[from]).sum::<f64>());
        trust = next.zip(&start).map(|(handed, start)| handed + 0.15 * start).collect();
    }
    trust
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// It is what the paper says, all trust is shared out, and the order in
    /// which things were heard changes no bit.
    #[test]
    fn it_is_eigentrust(
        pairs in prop::collection::btree_map((0..8usize, 0..8usize), prop::collection::vec(0.0..=1.0f64, 1..6), 0..30),
        pretrusted in prop::collection::btree_set(0..8usize, 1..4),
        turn in 0..30usize,
    ) {
        let pretrusted: Vec<usize> = pretrusted.into_iter().collect();
        let pairs: Vec<_> = pairs.into_iter().map(|((from, to), values)| (from, to, values)).collect();
        let names: Vec<String> = (0..8).map(|n| format!("k{n}")).collect();
        let start: Vec<&str> = pretrusted.iter().map(|n| names[*n].as_str()).collect();
        let mut words: Vec<Word> = pairs.iter().map(|(from, to, values)| word(&names[*from], &names[*to], values)).collect();
        let graph = rank(&start, &words);
        let expected = dense(&pretrusted, &pairs, 8);
        for (name, trust) in names.iter().zip(&expected) {
            prop_assert!((graph.trust(name) - trust).abs() < 1e-9, "{} {} {}", name, graph.trust(name), trust);
            prop_assert!((0.0..=100.0).contains(&graph.collaboration(name)));
        }
        prop_assert!((names.iter().map(|name| graph.trust(name)).sum::<f64>() - 1.0).abs() < 1e-9);
        let turn = turn.min(words.len());
        words.rotate_left(turn);
        let again = rank(&start, &words);
        for name in &names {
            prop_assert_eq!(graph.trust(name).to_bits(), again.trust(name).to_bits());
            prop_assert_eq!(graph.collaboration(name).to_bits(), again.collaboration(name).to_bits());
        }
    }
}
