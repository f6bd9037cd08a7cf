//! What a file may ask for. Each bound is far above what Keras writes and low enough that a
//! hostile file costs no more than an honest one of the same length.

/// Bytes of `config.json`. Keras writes about 1 kB per layer; parsed JSON takes up to forty
/// times its text.
pub const MAX_CONFIG_BYTES: u64 = 32 << 20;

/// Bytes of `metadata.json`; Keras writes 64.
pub const MAX_METADATA_BYTES: u64 = 1 << 20;

/// Bytes of all vocabularies together: a million words of 60 letters.
pub const MAX_VOCABULARY_BYTES: u64 = 64 << 20;

/// How far a compressed zip entry may expand. Keras stores entries uncompressed; deflate reaches
/// 1032 on a bomb, and about 10 on JSON or on weights that are mostly zero.
pub const MAX_ZIP_EXPANSION: u64 = 64;

/// Entries in a zip; Keras writes three and one per asset.
pub const MAX_ZIP_ENTRIES: usize = 65_536;

/// Files that the weights of one model may be in; Keras makes one per 5 GB.
pub const MAX_SHARDS: usize = 10_000;

/// Groups within groups. A nested Keras model takes two levels.
pub const MAX_DEPTH: usize = 64;

/// Bytes of a group's whole path.
pub const MAX_PATH_BYTES: usize = 1024;

/// Groups and datasets in one file.
pub const MAX_OBJECTS: usize = 1 << 18;

/// The objects that `file_bytes` can honestly hold. The smallest object header with its link
/// takes more than 32 bytes; a few small files round up.
pub(super) fn max_objects(file_bytes: usize) -> usize {
    (64 + file_bytes / 32).min(MAX_OBJECTS)
}

/// Bytes the HDF5 library may read in one call. Listing a group reads every member's header
/// once, so an honest file stays below its own length; structures that point back at themselves
/// do not.
pub(super) fn step_fuel(file_bytes: usize) -> u64 {
    (1 << 20) + 4 * file_bytes as u64
}

/// Bytes the HDF5 library may read in all. An honest file is read about ten times over when it
/// is nothing but structure, and once when it is mostly weights.
pub(super) fn total_fuel(file_bytes: usize) -> u64 {
    (4 << 20) + 64 * file_bytes as u64
}
