//! The program `kerros`.
fn main() {}
