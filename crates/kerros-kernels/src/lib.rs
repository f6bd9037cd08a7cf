//! CPU arithmetic on slices.
