//! The few protocol buffer messages of an event file.
//!
//! A field is a tag (its number times eight, plus how it is written) and a value; a message is
//! its fields one after the other.
//!
//! # Source
//! <https://protobuf.dev/programming-guides/encoding/>; the messages are `event.proto`,
//! `summary.proto` and `tensor.proto` of TensorFlow.

/// A message under construction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    /// A whole number, seven bits to the byte.
    pub(super) fn varint(mut self, field: u32, value: u64) -> Self {
        self.put_varint(u64::from(field) << 3);
        self.put_varint(value);
        self
    }

    /// A number in double precision.
    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.put_varint(u64::from(field) << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes, a text, or a message.
    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.put_varint(u64::from(field) << 3 | 2);
        self.put_varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// `TensorProto.dtype` of `f32`.
const DT_FLOAT: u64 = 1;
/// `TensorProto.dtype` of `f64`.
const DT_DOUBLE: u64 = 2;

/// The first event of a file.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    Message::default().double(1, wall_time).bytes(3, b"brain.Event:2").0
}

/// An event with one number.
pub(super) fn scalar(wall_time: f64, step: u64, tag: &str, value: f32) -> Vec<u8> {
    let tensor =
        Message::default().varint(1, DT_FLOAT).bytes(2, &[]).bytes(4, &value.to_le_bytes());
    event(wall_time, step, tag, "scalars", &tensor)
}

/// An event with a histogram: rows of left edge, right edge and count.
pub(super) fn histogram(wall_time: f64, step: u64, tag: &str, buckets: &[[f64; 3]]) -> Vec<u8> {
    let size = |size: usize| Message::default().varint(1, size as u64);
    let shape = Message::default().bytes(2, &size(buckets.len()).0).bytes(2, &size(3).0);
    let content: Vec<u8> = buckets.as_flattened().iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensor = Message::default().varint(1, DT_DOUBLE).bytes(2, &shape.0).bytes(4, &content);
    event(wall_time, step, tag, "histograms", &tensor)
}

fn event(wall_time: f64, step: u64, tag: &str, plugin: &str, tensor: &Message) -> Vec<u8> {
    let plugin = Message::default().bytes(1, plugin.as_bytes());
    let metadata = Message::default().bytes(1, &plugin.0);
    let value =
        Message::default().bytes(1, tag.as_bytes()).bytes(8, &tensor.0).bytes(9, &metadata.0);
    let summary = Message::default().bytes(1, &value.0);
    Message::default().double(1, wall_time).varint(2, step).bytes(5, &summary.0).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_format_says() {
        // The examples of the encoding guide.
        assert_eq!(Message::default().varint(1, 150).0, [0x08, 0x96, 0x01]);
        let text = Message::default().bytes(2, b"testing");
        assert_eq!(text.0, [0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        assert_eq!(
            Message::default().bytes(3, &Message::default().varint(1, 150).0).0,
            [0x1a, 3, 8, 0x96, 1]
        );
        assert_eq!(Message::default().double(1, 1.0).0, [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}
