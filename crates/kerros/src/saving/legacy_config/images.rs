//! Functions of `tf.image`, for batches of images with their channels last.

use serde_json::{Value, json};

use super::operations::{Call, Operation};

/// One of them; none where the function is another, or does what Keras has no operation for.
pub(super) fn operation(name: &str, call: &mut Call) -> Option<Operation> {
    let (module, class, settings) = match name {
        "image.resize" => return resize(call),
        "image.flip_left_right" => ("numpy", "Flip", json!({"axis": -2})),
        "image.flip_up_down" => ("numpy", "Flip", json!({"axis": -3})),
        "image.transpose" => ("numpy", "Swapaxes", json!({"axis1": -3, "axis2": -2})),
        "image.rot90" => {
            let turns = call.take("k").unwrap_or(json!(1));
            ("numpy", "Rot90", json!({"k": turns, "axes": [1, 2]}))
        }
        "image.grayscale_to_rgb" => ("numpy", "Repeat", json!({"repeats": 3, "axis": -1})),
        "image.crop_to_bounding_box" => return crop(call),
        "image.pad_to_bounding_box" => {
            let settings = json!({
                "top_padding": call.take("offset_height")?,
                "left_padding": call.take("offset_width")?,
                "target_height": call.take("target_height")?,
                "target_width": call.take("target_width")?,
                "data_format": "channels_last",
            });
            ("image", "PadImages", settings)
        }
        "image.extract_patches" => return patches(call),
        "image.adjust_brightness" => {
            let delta = call.take("delta")?;
            call.args.push(delta);
            ("numpy", "Add", json!({}))
        }
        "image.adjust_contrast" => return contrast(call),
        _ => return None,
    };
    Some(Operation::new(module, class, settings))
}

fn resize(call: &mut Call) -> Option<Operation> {
    let size = call.take("size")?;
    let method = call.take("method").unwrap_or(json!("bilinear"));
    if call.take("preserve_aspect_ratio") == Some(json!(true)) {
        return None;
    }
    let settings = json!({
        "size": size,
        "interpolation": method,
        "antialias": call.take("antialias").unwrap_or(json!(false)),
        "data_format": "channels_last",
    });
    Some(Operation::new("image", "Resize", settings))
}

/// `x[:, top:bottom, left:right]`.
fn crop(call: &mut Call) -> Option<Operation> {
    let mut side = |start: &str, length: &str| -> Option<Value> {
        let start = call.take(start)?.as_i64().filter(|start| *start >= 0)?;
        let end = start.checked_add(call.take(length)?.as_i64().filter(|length| *length > 0)?)?;
        Some(slice(json!(start), json!(end), Value::Null))
    };
    let rows = side("offset_height", "target_height")?;
    let columns = side("offset_width", "target_width")?;
    call.args.push(json!([slice(Value::Null, Value::Null, Value::Null), rows, columns]));
    Some(Operation::new("numpy", "GetItem", json!({})))
}

/// `start:stop:step` as Keras writes it.
pub(super) fn slice(start: Value, stop: Value, step: Value) -> Value {
    json!({"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}})
}

fn patches(call: &mut Call) -> Option<Operation> {
    // `[1, rows, columns, 1]`.
    let mut sides = |name: &str| match call.take(name)?.as_array()?.as_slice() {
        [batch, rows, columns, channels] if batch == &json!(1) && channels == &json!(1) => {
            Some(json!([rows, columns]))
        }
        _ => None,
    };
    let (size, strides, rates) = (sides("sizes")?, sides("strides")?, sides("rates")?);
    let padding = call.take("padding")?.as_str()?.to_lowercase();
    // With steps between what is taken, `strides` must be 1 in Keras.
    let settings = json!({
        "size": size, "strides": strides, "dilation_rate": rates, "padding": padding,
        "data_format": "channels_last",
    });
    Some(Operation::new("image", "ExtractPatches", settings))
}

/// `(x - mean) * factor + mean`, with the mean of each channel of each image.
fn contrast(call: &mut Call) -> Option<Operation> {
    let x = call.first()?;
    let factor = call.take("contrast_factor")?;
    let axes = json!({"axis": [-3, -2], "keepdims": true});
    let mean = call.step("numpy", "Mean", axes, vec![x.clone()])?;
    let difference = call.step("numpy", "Subtract", json!({}), vec![x, mean.clone()])?;
    let scaled = call.step("numpy", "Multiply", json!({}), vec![difference, factor])?;
    call.last("numpy", "Add", json!({}), vec![scaled, mean])
}
