//! Many events → `put` frames.

use super::frame::{FRAME_LIMIT_BYTES, HEADER_BYTES};

const HEAD: &[u8] = b"{\"events\":[";
const TAIL: &[u8] = b"],\"op\":\"put\"}";

/// Splits events over as few `put` frames as hold them, in their order.
#[derive(Debug, Default)]
pub struct PutFrames {
    done: Vec<PutFrame>,
    open: PutFrame,
}

/// A whole frame, header included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutFrame {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// How many events are in it.
    pub count: usize,
}

impl PutFrames {
    /// Adds one event's wire form, which fits any frame by its own limit.
    pub fn push(&mut self, wire: &[u8]) {
        if self.open.bytes.len() + 1 + wire.len() + TAIL.len() > HEADER_BYTES + FRAME_LIMIT_BYTES {
            self.close();
        }
        if self.open.count == 0 {
            self.open.bytes.extend_from_slice(&[0; HEADER_BYTES]);
            self.open.bytes.extend_from_slice(HEAD);
        } else {
            self.open.bytes.push(b',');
        }
        self.open.bytes.extend_from_slice(wire);
        self.open.count += 1;
    }

    /// All frames in their order.
    pub fn finish(mut self) -> Vec<PutFrame> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if self.open.count > 0 {
            let mut frame = std::mem::take(&mut self.open);
            frame.bytes.extend_from_slice(TAIL);
            let length = (frame.bytes.len() - HEADER_BYTES) as u32;
            frame.bytes[..HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
            self.done.push(frame);
        }
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
        let (mut body, mut seen) = (Vec::new(), Vec::new());
        for frame in frames.finish() {
            let mut reader = &frame.bytes[..];
            assert!(read_body(&mut reader, &mut body).expect("a whole frame") && reader.is_empty());
            let Request::Put { events } = Request::decode(&body).expect("a put") else { panic!("not a put") };
            assert_eq!(events.len(), frame.count);
            seen.extend(events);
        }
        assert_eq!(seen, events);
        assert_eq!(PutFrames::default().finish(), []);
    }
}
