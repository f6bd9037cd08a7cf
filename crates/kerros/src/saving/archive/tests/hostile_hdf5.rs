//! HDF5 files that a reader must refuse, quickly and by name.

use kerros_core::{ErrorKind, Result};

use super::super::WeightTree;
use super::{SMALL, TYPES, fixture, sample};

fn read(bytes: &[u8]) -> Result<WeightTree> {
    WeightTree::from_h5_bytes(bytes.to_vec())
}

fn refused(bytes: &[u8], kind: ErrorKind, message: &str) {
    let error = read(bytes).unwrap_err();
    assert_eq!((error.kind(), error.message()), (kind, message), "{error}");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    refused(b"", ErrorKind::Format, "the file is empty");
    refused(SMALL, ErrorKind::Format, r#"not HDF5: it begins with "PK\x03\x04\x14\x00\x00\x00""#);
    assert_eq!(
        read(b"<html>").unwrap_err().to_string(),
        "not HDF5: it begins with \"<html>\"\n  expected: a `.weights.h5` file\n  \
         try: check that the download is whole and the path is the weights'"
    );
}

#[test]
fn soft_and_external_links_are_never_followed() {
    refused(
        fixture!("hostile/soft_link_old.weights.h5"),
        ErrorKind::Format,
        "a name leads to no object in this file: a soft link, or damage",
    );
    for bytes in [
        fixture!("hostile/soft_link_new.weights.h5"),
        fixture!("hostile/external_link_old.weights.h5"),
        fixture!("hostile/external_link_new.weights.h5"),
    ] {
        let tree = read(bytes).unwrap();
        let keys: Vec<&str> = tree.group("vars").unwrap().datasets().map(|(key, _)| key).collect();
        assert_eq!(keys, ["0"]);
        assert_eq!(tree.children("vars").count(), 0);
    }
}

#[test]
fn data_that_is_not_in_the_file_is_refused() {
    let nothing = "no elements are stored in this file (never written, or kept in another file)";
    refused(fixture!("hostile/external_storage.weights.h5"), ErrorKind::Format, nothing);
    // 4 TiB claimed by 1400 bytes.
    refused(fixture!("hostile/unwritten_bomb.weights.h5"), ErrorKind::Format, nothing);
    refused(
        fixture!("hostile/chunked_bomb.weights.h5"),
        ErrorKind::Format,
        "it is stored in chunks",
    );
    refused(
        fixture!("hostile/virtual.weights.h5"),
        ErrorKind::Format,
        "it is put together from other datasets",
    );
}

#[test]
fn graphs_that_are_no_trees_are_cut() {
    let deep = "groups are nested too deep";
    let many = "more groups and datasets than the file has room for";
    let long = "the datasets together are longer than the file";
    refused(fixture!("hostile/deep.weights.h5"), ErrorKind::Format, deep);
    refused(fixture!("hostile/cycle_old.weights.h5"), ErrorKind::Format, deep);
    refused(fixture!("hostile/cycle_new.weights.h5"), ErrorKind::Format, deep);
    refused(fixture!("hostile/doubling_old.weights.h5"), ErrorKind::Format, many);
    refused(fixture!("hostile/doubling_new.weights.h5"), ErrorKind::Format, many);
    // 64 names for one dataset of 16 kB: a megabyte of tensors out of a file of 20 kB.
    refused(fixture!("hostile/shared_old.weights.h5"), ErrorKind::Format, long);
    refused(fixture!("hostile/shared_new.weights.h5"), ErrorKind::Format, long);
}

#[test]
fn unknown_element_types_are_refused_by_name() {
    let kind = ErrorKind::Unsupported;
    refused(
        fixture!("hostile/complex.weights.h5"),
        kind,
        "the elements are compounds (such as complex numbers)",
    );
    refused(
        fixture!("hostile/uint64.weights.h5"),
        kind,
        "the elements are unsigned integers of 8 bytes",
    );
    refused(
        fixture!("hostile/text.weights.h5"),
        kind,
        "the elements are variable-length sequences",
    );
    refused(fixture!("hostile/opaque.weights.h5"), kind, "the elements are opaque bytes");
    let error = read(fixture!("hostile/uint64.weights.h5")).unwrap_err().to_string();
    assert!(error.starts_with("group `/`: dataset `0`: the elements are"), "{error}");
}

/// Two ways on at each of sixty levels, all leading to the same leaf: every address is in bounds
/// and nothing is its own ancestor, yet walking it would take 2^60 steps.
#[test]
fn a_tree_with_too_many_ways_to_its_leaf_runs_out_of_fuel() {
    let mut bytes = TYPES.to_vec();
    let top = bytes.windows(5).position(|window| window == b"TREE\0").unwrap();
    let leaf = bytes[top..top + 24 + 33 * 8 + 32 * 8].to_vec();
    let inner = |child: usize| {
        let mut node = leaf.clone();
        node[5] = 1; // level: its children are nodes
        node[6..8].copy_from_slice(&2u16.to_le_bytes());
        // After the addresses of two siblings: key, child, key, child, key.
        for place in [32, 48] {
            node[place..place + 8].copy_from_slice(&(child as u64).to_le_bytes());
        }
        node
    };
    let first = bytes.len();
    bytes[top..top + leaf.len()].copy_from_slice(&inner(first));
    for _ in 0..59 {
        let next = bytes.len() + leaf.len();
        bytes.extend(inner(next));
    }
    bytes.extend(&leaf);
    let end = bytes.len() as u64;
    bytes[40..48].copy_from_slice(&end.to_le_bytes());
    refused(&bytes, ErrorKind::Format, "the HDF5 structures point at each other in circles");
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("group `/`: the HDF5"), "{error}");
}

#[test]
fn a_claimed_shape_is_checked_against_the_bytes() {
    // The dataspace of dataset `11`: version 1, one axis, its length and its greatest length.
    let mut bytes = TYPES.to_vec();
    let claim = [1u8, 1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
    let at = bytes.windows(16).position(|window| window == claim).unwrap() + 8;
    bytes[at..at + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    bytes[at + 8..at + 16].copy_from_slice(&(1u64 << 40).to_le_bytes());
    refused(
        &bytes,
        ErrorKind::Format,
        "it claims the shape [1099511627776], 2199023255552 bytes, and stores 6",
    );
    bytes[at..at + 8].fill(0x7f);
    bytes[at + 8..at + 16].fill(0x7f);
    refused(&bytes, ErrorKind::Format, "it claims the shape [9187201950435737471]");
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let ours = sample().weights.to_h5_bytes().unwrap();
    for bytes in [TYPES, &ours] {
        for len in (8..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            let error = read(&bytes[..len]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{len} bytes: {error}");
        }
    }
    let len = TYPES.len();
    refused(
        &TYPES[..len - 1],
        ErrorKind::Format,
        &format!("cut short: {} bytes of {len} are there", len - 1),
    );
}

/// Whatever one byte says, reading ends with a tree or an error. (A panic inside the HDF5
/// library would be an error too; hence the kinds, which only checks of ours give.)
#[test]
fn every_altered_byte_gives_a_tree_or_an_error() {
    let mut num_refused = 0;
    let mut bytes = TYPES.to_vec();
    for position in 0..bytes.len() {
        let original = bytes[position];
        // Far off and off by one in turn, for the two cost twice the time.
        let altered = if position % 2 == 0 { !original } else { original ^ 1 };
        bytes[position] = altered;
        if let Err(error) = read(&bytes) {
            num_refused += 1;
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::Format | ErrorKind::Unsupported),
                "byte {position} = {altered}: {error}"
            );
            assert_ne!(error.message(), "the HDF5 structures contradict each other");
        }
        bytes[position] = original;
    }
    // A guard against a test that alters nothing. Most of the file is slack: h5py makes room for
    // 32 members in each group and 4 kB of attribute text.
    assert!(num_refused > 1000, "{num_refused} refusals");
}
