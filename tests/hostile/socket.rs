//! The same against the node's own socket: junk, silence, and slow readers.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// `count` connections that say no honest thing. The last ones stay open.
pub fn junk(socket: &Path, count: usize) -> Vec<UnixStream> {
    let mut open = std::collections::VecDeque::new();
    for number in 0..count {
        let Ok(mut stream) = UnixStream::connect(socket) else { continue };
        let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
        let junk = match number % 8 {
            0 => vec![0xff; 64],
            1 => u32::MAX.to_be_bytes().to_vec(),
            2 => [&131_072_u32.to_be_bytes()[..], b"{"].concat(),
            3 => framed(br#"{"op":"nonsense"}"#),
            4 => framed(&vec![b'['; 131_072]),
            5 => b"\0".to_vec(),
            // A subscription that nobody reads.
            6 => framed(
                br#"{"follow":true,"op":"sub","patterns":["ucxl://any:any@any:any"],"since":"1970-01-01T00:00:00.000Z","types":[],"unanswered":false}"#,
            ),
            _ => Vec::new(),
        };
        let _ = stream.write_all(&junk);
        open.push_back(stream);
        // Fewer than the node has places: it would be the commands that wait.
        if open.len() > 300 {
            open.pop_front();
        }
    }
    open.into()
}
