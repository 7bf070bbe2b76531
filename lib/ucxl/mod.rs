//! UCXL addresses and patterns (DESIGN.md section 5). Pure.
//!
//! Must not know events, or URL parsers.
