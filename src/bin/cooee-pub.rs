//! `cooee-pub`.

fn main() {}
