//! Wiring follows.

fn main() {}
