//! A file of records, each with checksums: the frame around events.
//!
//! ```text
//! length: 8 bytes, checksum of the length: 4, the record, checksum of the record: 4
//! ```
//!
//! # Source
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>

/// A record with its frame.
pub(super) fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let mut frame = Vec::with_capacity(record.len() + 16);
    frame.extend(length);
    frame.extend(masked(crc32c(&length)).to_le_bytes());
    frame.extend(record);
    frame.extend(masked(crc32c(record)).to_le_bytes());
    frame
}

/// Turned and shifted, so that the checksum of data that hold checksums stays good.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C: the polynomial 0x1EDC6F41, reflected, a byte at a time.
///
/// # Source
/// Castagnoli, Braeuer, Herrmann: "Optimization of cyclic redundancy-check codes", 1993.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, &byte: &u8| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize];
    !bytes.iter().fold(!0, step)
}

const fn table() -> [u32; 256] {
    const REFLECTED: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ REFLECTED } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_frame_is_sixteen_bytes_around_a_record() {
        let frame = framed(b"abc");
        assert_eq!(frame.len(), 19);
        assert_eq!(frame[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(frame[12..15], *b"abc");
    }
}
