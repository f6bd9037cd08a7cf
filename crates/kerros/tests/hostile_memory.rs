//! Files that were made to do harm are refused in little memory.
//!
//! The only test of its program: the most memory that a process ever had is the same for all tests
//! that run in it, so that another one would hide what these files take, or be blamed on them.

mod hostile;

use hostile::{fixtures, refusal};

/// The most memory this process ever had, in bytes, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// The largest of them claims 4 TB; the files together have 100 KB.
#[test]
fn hostile_files_take_little_memory() {
    let expected = std::fs::read_to_string(fixtures("hostile/expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let Some(before) = peak_bytes() else { return };
    for name in expected.as_object().unwrap().keys() {
        refusal(&fixtures("hostile").join(name));
        let grown = peak_bytes().map_or(0, |after| after - before);
        assert!(grown < 256 << 20, "up to {name}: {} MB", grown >> 20);
    }
}
