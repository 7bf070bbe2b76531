//! Many events → `put` frames.

use super::frame::{FRAME_LIMIT_BYTES, HEADER_BYTES};

/// Splits events over as few `put` frames as hold them, in their order.
#[derive(Debug, Default)]
pub struct PutFrames {
    out: Vec<u8>,
    start: usize,
    /// How many events each frame has.
    counts: Vec<usize>,
}

impl PutFrames {
    const HEAD: &'static [u8] = b"{\"events\":[";
    const TAIL: &'static [u8] = b"],\"op\":\"put\"}";

    /// Adds one event's wire form, which fits any frame by its own limit.
    pub fn push(&mut self, wire: &[u8]) {
        let body = self.out.len() - self.start;
        let full = body + 1 + wire.len() + Self::TAIL.len() > HEADER_BYTES + FRAME_LIMIT_BYTES;
        if self.counts.is_empty() || full {
            self.close();
            self.start = self.out.len();
            self.out.extend_from_slice(&[0; HEADER_BYTES]);
            self.out.extend_from_slice(Self::HEAD);
            self.counts.push(0);
        } else {
            self.out.push(b',');
        }
        self.out.extend_from_slice(wire);
        if let Some(count) = self.counts.last_mut() {
            *count += 1;
        }
    }

    /// All frames, one behind the other, and how many events each has.
    pub fn finish(mut self) -> (Vec<u8>, Vec<usize>) {
        self.close();
        (self.out, self.counts)
    }

    fn close(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        self.out.extend_from_slice(Self::TAIL);
        let length = (self.out.len() - self.start - HEADER_BYTES) as u32;
        self.out[self.start..self.start + HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::{Request, WireEvent, read_body};

    #[test]
    fn puts_are_split_where_a_frame_is_full_and_nothing_is_lost() {
        let sizes = [2, 98_304, 32_000, 700, 131_000 / 2, 65_000, 3, 90_000, 41_000, 90_000, 41_100];
        let events = sizes.iter().map(|size| format!("{{\"a\":\"{}\"}}", "x".repeat(*size)).into_bytes());
        let events: Vec<WireEvent> = events.collect();
        let mut frames = PutFrames::default();
        for event in &events {
            frames.push(event);
        }
        let (bytes, counts) = frames.finish();
        let (mut reader, mut body, mut seen) = (&bytes[..], Vec::new(), Vec::new());
        for count in &counts {
            assert!(read_body(&mut reader, &mut body).expect("a whole frame"));
            let Request::Put { events } = Request::decode(&body).expect("a put") else { panic!("not a put") };
            assert_eq!(events.len(), *count);
            seen.extend(events);
        }
        assert_eq!(seen, events);
        assert!(reader.is_empty());
        assert_eq!(PutFrames::default().finish(), (vec![], vec![]));
    }
}
