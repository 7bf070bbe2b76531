use super::*;
use crate::attach::{FRAME_LIMIT_BYTES, Reply};
use crate::mesh::dial::Random;
use crate::mesh::{Floors, Sum, Sums};
use std::cell::Cell;
use std::collections::BTreeSet;

/// A log that is nothing but a set, and counts what it is asked.
#[derive(Clone, Default)]
struct Plain {
    elements: BTreeSet<Element>,
    sums: Sums,
    /// Elements looked at one by one.
    visited: Cell<usize>,
}

impl Plain {
    fn insert(&mut self, element: Element) {
        if self.elements.insert(element) {
            let Self { elements, sums, .. } = self;
            let mut list = |span: &Span| Ok(elements.range(span.from..span.to).copied().collect());
            sums.add(&element, &mut list).expect("listed");
        }
    }

    fn remove(&mut self, element: &Element) {
        assert!(self.elements.remove(element));
        self.sums.remove(element);
    }

    fn list(&self, span: &Span) -> Vec<Element> {
        let listed: Vec<Element> = self.elements.range(span.from..span.to).copied().collect();
        self.visited.set(self.visited.get() + listed.len());
        listed
    }
}

impl Set for Plain {
    fn has(&self, element: &Element) -> Result<bool, LogError> {
        self.visited.set(self.visited.get() + 1);
        Ok(self.elements.contains(element))
    }

    fn elements(&self, _: View, span: &Span, most: usize) -> Result<Vec<Element>, LogError> {
        let mut listed = self.list(span);
        listed.truncate(most);
        Ok(listed)
    }

    fn sum(&self, _: View, span: &Span) -> Result<Sum, LogError> {
        self.sums.sum(span, &mut |span| Ok(self.list(span)))
    }

    fn cuts(&self, _: View, span: &Span, pieces: usize) -> Result<Vec<Element>, LogError> {
        self.sums.cuts(span, pieces, &mut |span| Ok(self.list(span)))
    }

    fn floors(&self) -> Floors {
        Floors::default()
    }
}

/// `count` events, a few in each millisecond.
fn some(count: u64, seed: u64) -> Plain {
    let mut random = Random(seed);
    let mut log = Plain::default();
    for number in 0..count {
        let ms = 1_800_000_000_000 + number / 3;
        let noise = u128::from(random.next()) << 8;
        log.insert(Element::new(&(u128::from(ms) << 80 | noise).to_be_bytes(), &number.to_be_bytes()));
    }
    log
}

/// One comparison, all the way: `ours` gets what `theirs` has. Says how many
/// requests it took.
fn compare(ours: &mut Plain, theirs: &Plain) -> usize {
    let mut comparison = Comparison::new(0);
    let mut requests = 0;
    while let Some(request) = comparison.next(ours, 0).expect("a request") {
        requests += 1;
        assert!(comparison.ranges.len() <= WAITING && comparison.want.len() <= 2_000);
        request.frame(&mut Vec::new()).expect("it fits");
        match request {
            Request::Ids { only, ranges, .. } => {
                let reply = answer(theirs, only.as_deref(), &ranges).expect("read").expect("well-formed");
                let mut frame = Vec::new();
                reply.frame(&mut frame).expect("it fits");
                assert!(frame.len() <= FRAME_LIMIT_BYTES);
                let Reply::Ids { ranges } = reply else { panic!("not ids") };
                assert!(comparison.compared(ours, &ranges).expect("compared"), "it keeps to the protocol");
            }
            Request::Get { elements } => {
                let sent: Vec<Element> = elements.iter().filter_map(|text| Element::read(text)).collect();
                assert!(sent.iter().all(|element| theirs.elements.contains(element)));
                for element in comparison.fetched(&sent) {
                    ours.insert(element);
                    comparison.gained();
                }
            }
            other => panic!("{other:?}"),
        }
    }
    requests
}

#[test]
fn one_missing_event_of_100_000_costs_little() {
    let theirs = some(100_000, 1);
    for place in [0, 1, 50_000, 77_777, 99_999] {
        let mut ours = theirs.clone();
        let missing = *theirs.elements.iter().nth(place).expect("so many");
        ours.remove(&missing);
        theirs.visited.set(0);
        ours.visited.set(0);
        let requests = compare(&mut ours, &theirs);
        assert!(requests <= 5, "place {place}: {requests} requests");
        assert_eq!(ours.elements, theirs.elements);
        let visited = (ours.visited.get(), theirs.visited.get());
        assert!(visited.0 < 4_000 && visited.1 < 4_000, "place {place}: {visited:?}");
    }
    // Where nothing is missing, nothing is looked at.
    let mut ours = theirs.clone();
    theirs.visited.set(0);
    ours.visited.set(0);
    assert_eq!((compare(&mut ours, &theirs), ours.visited.get(), theirs.visited.get()), (1, 0, 0));
}

#[test]
fn whatever_differs_both_end_with_the_union() {
    let all = some(20_000, 2);
    for seed in 0..8 {
        let mut random = Random(seed);
        let (mut one, mut two) = (Plain::default(), Plain::default());
        // A partition, or scattered losses, or nothing in common.
        let shared = [0, 50, 90, 99][seed as usize % 4];
        for element in &all.elements {
            let both = random.below(100) < shared;
            let side = random.below(2) == 0;
            if both || side {
                one.insert(*element);
            }
            if both || !side {
                two.insert(*element);
            }
        }
        let before = one.clone();
        let requests = compare(&mut one, &two) + compare(&mut two, &before);
        assert_eq!((&one.elements, &two.elements), (&all.elements, &all.elements), "seed {seed}");
        assert!(requests < 600, "seed {seed}: {requests} requests");
    }
    // Somebody new.
    let mut new = Plain::default();
    let requests = compare(&mut new, &all);
    assert!(new.elements == all.elements && requests < 130, "{requests} requests");
}

#[test]
fn two_events_under_one_id_are_two_elements() {
    let (mut one, mut two) = (some(500, 3), some(500, 3));
    let id = [7; 16];
    one.insert(Element::new(&id, b"one"));
    two.insert(Element::new(&id, b"other"));
    compare(&mut one, &two);
    compare(&mut two, &one);
    assert_eq!(one.elements, two.elements);
    assert_eq!(one.list(&Element::span_of(&id)).len(), 2);
}

/// Answers for ever, and keeps to the protocol: each range is cut in two, and
/// each piece is said to hold something.
fn cut_for_ever(ranges: &[Compared]) -> Vec<Held> {
    let halves = |range: &Compared| {
        let (from, to) = (Element::read(&range.from)?, Element::read(&range.to)?);
        let high = |element: &Element| u128::from_be_bytes(element.0[..16].try_into().expect("16 of 32"));
        let half = high(&from) + (high(&to) - high(&from)) / 2;
        let mut middle = [0; 32];
        middle[..16].copy_from_slice(&half.to_be_bytes());
        let print = |byte: char| format!("9-{}", byte.to_string().repeat(64));
        let middle = Element(middle).to_string();
        (middle > range.from && middle < range.to)
            .then(|| Held::Pieces(vec![(middle, print('a')), (range.to.clone(), print('b'))]))
    };
    ranges.iter().take(100).map(|range| halves(range).unwrap_or(Held::Elements(Vec::new()))).collect()
}

#[test]
fn a_peer_that_lies_gets_us_round_only_so_often() {
    let ours = some(3_000, 4);
    let mut comparison = Comparison::new(0);
    let mut requests = 0;
    while let Some(request) = comparison.next(&ours, 0).expect("a request") {
        requests += 1;
        assert!(comparison.ranges.len() <= WAITING);
        let Request::Ids { ranges, .. } = request else { panic!("there is nothing to get") };
        assert!(comparison.compared(&ours, &cut_for_ever(&ranges)).expect("compared"));
    }
    assert_eq!(requests, FRUITLESS + 1);
    // It promises events that it does not send.
    let mut comparison = Comparison::new(0);
    let mut invented = 0u64;
    let mut requests = 0;
    while let Some(request) = comparison.next(&ours, 0).expect("a request") {
        requests += 1;
        assert!(comparison.want.len() <= 2_000);
        match request {
            Request::Ids { ranges, .. } => {
                let mut held: Vec<Held> = ranges.iter().map(|_| Held::Same).collect();
                let from = Element::read(&ranges[0].from).expect("an element");
                let list = (0..200).map(|_| {
                    invented += 1;
                    let mut element = from.0;
                    element[8..16].copy_from_slice(&invented.to_be_bytes());
                    Element(element).to_string()
                });
                held[0] = Held::Elements(list.collect());
                assert!(comparison.compared(&ours, &held).expect("compared"));
            }
            _ => assert!(comparison.fetched(&[]).is_empty()),
        }
    }
    assert!(requests <= FRUITLESS + 1);
    assert_eq!(comparison.next(&ours, EVERY_MS - 1).expect("none"), None, "and is left alone for a minute");
}

#[test]
fn answers_outside_the_protocol_end_the_comparison() {
    let log = some(100, 5);
    let end = Element::END.to_string();
    let (low, high) = ("11".repeat(32), "22".repeat(32));
    let print = "1-00".to_owned();
    let piece = |to: &str| (to.to_owned(), print.clone());
    for bad in [
        vec![],
        vec![Held::Same, Held::Same],
        vec![Held::Elements(vec!["xy".into()])],
        vec![Held::Elements(vec![high.clone(), low.clone()])],
        vec![Held::Elements(vec![low.clone(), low.clone()])],
        vec![Held::Elements(vec![end.clone()])],
        vec![Held::Pieces(vec![])],
        vec![Held::Pieces(vec![piece(&end)])],
        vec![Held::Pieces(vec![piece(&low), piece(&high)])],
        vec![Held::Pieces(vec![piece(&high), piece(&low), piece(&end)])],
        vec![Held::Pieces(vec![piece(&low), ("zz".into(), print.clone()), piece(&end)])],
        vec![Held::Pieces(vec![(low.clone(), "none".into()), piece(&end)])],
        vec![Held::Pieces((0..=PIECES_LIMIT).map(|_| piece(&end)).collect())],
    ] {
        let mut comparison = Comparison::new(0);
        comparison.next(&log, 0).expect("a request").expect("it is time");
        assert!(!comparison.compared(&log, &bad).expect("compared"), "{bad:?}");
        comparison.failed(0);
        assert_eq!(comparison.next(&log, AFTER_FAILURE_MS - 1).expect("none"), None);
        assert!(comparison.next(&log, AFTER_FAILURE_MS).expect("a request").is_some());
    }
    let range = |from: &str, to: &str| Compared { from: from.into(), to: to.into(), fingerprint: print.clone() };
    for (only, ranges) in [
        (Some("some"), vec![]),
        (None, vec![range(&low, &low)]),
        (None, vec![range(&high, &low)]),
        (None, vec![range("1", &high)]),
        (None, vec![Compared { fingerprint: "x".into(), ..range(&low, &high) }]),
        (None, vec![range(&low, &high); RANGES_LIMIT + 1]),
    ] {
        assert!(answer(&log, only, &ranges).expect("read").is_none(), "{only:?} {ranges:?}");
    }
}
