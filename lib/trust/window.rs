//! An agent's last 1,000 signals, and the score of each dimension in them.
//!
//! A score looks at a dimension's last 100 values only, and those are always
//! the newest: so of the 1,000 only the dimension is kept, and 100 values of
//! each. Their weighted sums slide with each signal in constant time.

use super::{Dimension, Ring};

/// Signals an agent keeps, all dimensions together.
pub const WINDOW: usize = 1000;
/// Signals of one dimension that its score looks at.
pub const SLICE: usize = 100;

/// The score of a dimension without a signal.
const NEUTRAL: f64 = 50.0;

/// The recency weight of the signal at that place of its slice, 0 the oldest.
fn recency(place: usize) -> f64 {
    1.0 + place as f64 / 100.0
}

/// The sums of the first 0 to 100 recency weights, added in the engine's order.
static RECENCY_SUMS: [f64; SLICE + 1] = {
    let mut sums = [0.0; SLICE + 1];
    let mut place = 0;
    while place < SLICE {
        sums[place + 1] = sums[place] + (1.0 + place as f64 / 100.0);
        place += 1;
    }
    sums
};

/// One dimension's newest values.
#[derive(Clone, Debug)]
struct Slice {
    values: Ring<f64, SLICE>,
    /// Σ value, within rounding.
    sum: f64,
    /// Σ value · place, within rounding.
    moment: f64,
    /// Signals of the dimension in the window, 0 to 1,000.
    count: u16,
    /// Slides since the sums were last added up afresh.
    slides: u16,
    dimension: Dimension,
}

impl Slice {
    fn new(dimension: Dimension) -> Self {
        Self { values: Ring::default(), sum: 0.0, moment: 0.0, count: 0, slides: 0, dimension }
    }

    fn push(&mut self, value: f64) {
        self.count += 1;
        let place = self.values.len();
        if let Some(oldest) = self.values.push(value) {
            self.slide(oldest);
            self.moment += value * (SLICE - 1) as f64;
        } else {
            self.moment += value * place as f64;
        }
        self.sum += value;
    }

    /// The window has lost this dimension's oldest signal.
    fn drop_oldest(&mut self) {
        self.count -= 1;
        if usize::from(self.count) < self.values.len()
            && let Some(oldest) = self.values.pop()
        {
            self.slide(oldest);
        }
    }

    /// Takes out the value at place 0: all others move one place down.
    fn slide(&mut self, oldest: f64) {
        self.sum -= oldest;
        self.moment -= self.sum;
        self.slides += 1;
        // Each slide rounds; a fresh sum now and then keeps the error under 1e-10.
        if usize::from(self.slides) >= SLICE {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        (self.sum, self.moment) = (0.0, 0.0);
        // A full ring holds the value just pushed, which `push` adds itself.
        for (place, value) in self.values.iter().take(SLICE - 1).enumerate() {
            self.sum += value;
            self.moment += value * place as f64;
        }
        self.slides = 0;
    }

    /// The score within 1e-9, from the sums.
    fn near(&self) -> f64 {
        match self.values.len() {
            0 => NEUTRAL,
            len => (self.sum + self.moment / 100.0) / RECENCY_SUMS[len] * 100.0,
        }
    }

    /// The score to the last bit, added up in the engine's own order.
    fn exact(&self) -> f64 {
        if self.values.is_empty() {
            return NEUTRAL;
        }
        let mut total = 0.0;
        for (place, value) in self.values.iter().enumerate() {
            total += value * recency(place);
        }
        total / RECENCY_SUMS[self.values.len()] * 100.0
    }
}

/// The last 1,000 signals of an agent.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The dimensions of the signals, oldest first.
    order: Ring<u8, WINDOW>,
    /// Those seen so far, in the order they were first seen.
    slices: Box<[Slice]>,
    /// Where each dimension's slice is among them, from 1; 0 for none yet.
    places: [u8; Dimension::COUNT],
}

impl Window {
    /// Takes a signal; `value` is 0 to 1.
    pub fn push(&mut self, dimension: Dimension, value: f64) {
        if let Some(oldest) = self.order.push(dimension as u8)
            && let Some(slice) =
                self.places.get(usize::from(oldest)).and_then(|place| place_of(&mut self.slices, *place))
        {
            slice.drop_oldest();
        }
        if let Some(slice) = place_of(&mut self.slices, self.places[dimension.index()]) {
            return slice.push(value);
        }
        let mut slices = Vec::with_capacity(self.slices.len() + 1);
        slices.extend(std::mem::take(&mut self.slices));
        slices.push(Slice::new(dimension));
        if let Some(slice) = slices.last_mut() {
            slice.push(value);
        }
        self.slices = slices.into_boxed_slice();
        self.places[dimension.index()] = self.slices.len() as u8;
    }

    /// Signals in it, 0 to 1,000.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Signals of that dimension in it.
    pub fn count(&self, dimension: Dimension) -> u16 {
        self.slice(dimension).map_or(0, |slice| slice.count)
    }

    /// The dimension's score, 0 to 100, as the engine rounds it; 50 where there
    /// is no signal.
    pub fn score(&self, dimension: Dimension) -> f64 {
        self.slice(dimension).map_or(NEUTRAL, Slice::exact)
    }

    /// The total, 0 to 1000: ten times the weighted sum of the scores, cut
    /// toward zero.
    pub fn total(&self, weights: &[f64; Dimension::COUNT]) -> u16 {
        let near = self.weighted(weights, Slice::near) * 10.0;
        // Within the error of the sliding sums the cut could go either way:
        // there the engine's own additions decide.
        if (near - near.round()).abs() < 1e-6 {
            return cut(self.weighted(weights, Slice::exact) * 10.0);
        }
        cut(near)
    }

    /// The total that it would have with another score, 0 to 100, in one
    /// dimension; added up in the engine's own order.
    pub fn total_with(&self, weights: &[f64; Dimension::COUNT], dimension: Dimension, score: f64) -> u16 {
        let mut scores = Dimension::ALL.map(|each| self.score(each));
        scores[dimension.index()] = score;
        cut(scores.iter().zip(weights).map(|(score, weight)| score * weight).sum::<f64>() * 10.0)
    }

    fn weighted(&self, weights: &[f64; Dimension::COUNT], score: impl Fn(&Slice) -> f64) -> f64 {
        let mut scores = [NEUTRAL; Dimension::COUNT];
        for slice in &self.slices {
            scores[slice.dimension.index()] = score(slice);
        }
        scores.iter().zip(weights).map(|(score, weight)| score * weight).sum()
    }

    fn slice(&self, dimension: Dimension) -> Option<&Slice> {
        self.slices.get(usize::from(self.places[dimension.index()]).wrapping_sub(1))
    }

    /// The dimensions of the signals, oldest first.
    pub fn order(&self) -> impl Iterator<Item = Dimension> {
        self.order.iter().filter_map(|index| Dimension::from_index(usize::from(index)))
    }

    /// The values that the dimension's score looks at, oldest first, at most 100.
    pub fn values(&self, dimension: Dimension) -> impl Iterator<Item = f64> {
        self.slice(dimension).into_iter().flat_map(|slice| slice.values.iter())
    }

    /// Builds a window again from its [`Window::order`] and [`Window::values`].
    /// `None` if they do not belong together: over 1,000 signals, or a dimension
    /// whose values are not its last 100 (or all, if fewer), or a value that is
    /// not 0 to 1.
    pub fn from_parts(order: &[Dimension], values: &[Vec<f64>; Dimension::COUNT]) -> Option<Self> {
        if order.len() > WINDOW || values.iter().flatten().any(|value| !(0.0..=1.0).contains(value)) {
            return None;
        }
        let mut left = [0usize; Dimension::COUNT];
        for dimension in order {
            left[dimension.index()] += 1;
        }
        if left.iter().zip(values).any(|(count, values)| values.len() != (*count).min(SLICE)) {
            return None;
        }
        let mut window = Self::default();
        for dimension in order {
            let values = &values[dimension.index()];
            let left = &mut left[dimension.index()];
            // Values older than the last 100 weigh nothing: any will do.
            let value = if *left > values.len() { 0.0 } else { values[values.len() - *left] };
            *left -= 1;
            window.push(*dimension, value);
        }
        Some(window)
    }
}

/// The slice at that place, from 1.
fn place_of(slices: &mut [Slice], place: u8) -> Option<&mut Slice> {
    slices.get_mut(usize::from(place).wrapping_sub(1))
}

/// Toward zero, clamped to 0–1000.
fn cut(total: f64) -> u16 {
    total.clamp(0.0, 1000.0) as u16
}
