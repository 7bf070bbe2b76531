//! `cooee-sub`.

fn main() {}
