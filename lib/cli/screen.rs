//! The whole of a terminal, drawn again and again in place.
//!
//! Lines are escaped and cut before they come here.

use super::{Failure, Output};

/// The terminal's other page, without a cursor (xterm's control sequences).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
/// Drawn at once where the terminal can (synchronized output), from its top.
const BEGIN: &[u8] = b"\x1b[?2026h\x1b[H";
/// What is left of a line, and of the page, is cleared after it is written
/// over, never before: that is what would flicker.
const END_OF_LINE: &[u8] = b"\x1b[K";
const END: &[u8] = b"\x1b[J\x1b[?2026l";

/// Stdout's terminal, until this is dropped; then what was there is back.
pub struct Screen(());

impl Output {
    /// Takes the terminal; `None` where stdout is none, or a dumb one.
    pub fn screen(&mut self) -> Result<Option<Screen>, Failure> {
        if self.size().is_none() || std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
            return Ok(None);
        }
        self.flush()?;
        let screen = Screen(());
        self.bytes(ENTER)?;
        Ok(Some(screen))
    }

    /// Columns and rows of the terminal; `None` where stdout is none.
    pub fn size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
    }
}

impl Screen {
    /// Draws these lines; what has no room is counted in the last.
    pub fn draw(&mut self, out: &mut Output, lines: &[String]) -> Result<(), Failure> {
        let rows = out.size().map_or(24, |(_, rows)| rows);
        let shown = if lines.len() > rows { rows.saturating_sub(1) } else { lines.len() };
        let more = (lines.len() > shown).then(|| format!("… and {} lines more", lines.len() - shown));
        out.bytes(BEGIN)?;
        for (index, line) in lines[..shown].iter().chain(&more).enumerate() {
            if index > 0 {
                out.bytes(b"\r\n")?;
            }
            out.bytes(line.as_bytes())?;
            out.bytes(END_OF_LINE)?;
        }
        out.bytes(END)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing back.
        let _ = rustix::io::write(rustix::stdio::stdout(), LEAVE);
    }
}
