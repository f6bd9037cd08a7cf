//! Functions of TensorFlow that slide windows over images and sequences.

use serde_json::{Value, json};

use super::operations::{Call, Operation};

/// A convolution or a pooling; none where the function is neither, or does what Keras has no
/// operation for.
pub(super) fn operation(name: &str, call: &mut Call) -> Option<Operation> {
    let short = name.strip_prefix("compat.v1.").unwrap_or(name);
    match short {
        "nn.conv1d" | "nn.conv2d" | "nn.conv3d" | "nn.convolution" => convolution(call),
        "nn.atrous_conv2d" => convolution(call),
        "nn.depthwise_conv2d" => {
            let kernel = call.take("filter")?;
            call.args.push(kernel);
            sliding(call, "DepthwiseConv")
        }
        "nn.separable_conv2d" => {
            for name in ["depthwise_filter", "pointwise_filter"] {
                let kernel = call.take(name)?;
                call.args.push(kernel);
            }
            sliding(call, "SeparableConv")
        }
        "nn.max_pool" | "nn.max_pool1d" | "nn.max_pool2d" | "nn.max_pool3d" => {
            pooling(call, "MaxPool")
        }
        "nn.avg_pool" | "nn.avg_pool1d" | "nn.avg_pool2d" | "nn.avg_pool3d" => {
            pooling(call, "AveragePool")
        }
        "nn.pool" => match call.take("pooling_type")?.as_str()? {
            "MAX" => pooling(call, "MaxPool"),
            "AVG" => pooling(call, "AveragePool"),
            _ => None,
        },
        "nn.space_to_depth" | "space_to_depth" => blocks(call, "SpaceToDepth"),
        "nn.depth_to_space" | "depth_to_space" => blocks(call, "DepthToSpace"),
        _ => None,
    }
}

fn convolution(call: &mut Call) -> Option<Operation> {
    let kernel = ["filters", "filter"].iter().find_map(|name| call.take(name))?;
    call.args.push(kernel);
    sliding(call, "Conv")
}

/// What slides by `strides`, with a kernel that is among the arguments already.
fn sliding(call: &mut Call, class: &'static str) -> Option<Operation> {
    let strides = ["strides", "stride"].iter().find_map(|name| call.take(name));
    let dilation = ["dilations", "dilation_rate", "rate"].iter().find_map(|name| call.take(name));
    let settings = json!({
        "strides": lengths(strides.unwrap_or(json!(1)), call)?,
        "padding": padding(call)?,
        "dilation_rate": lengths(dilation.unwrap_or(json!(1)), call)?,
        "data_format": data_format(call)?,
    });
    Some(Operation::new("nn", class, settings))
}

fn pooling(call: &mut Call, class: &'static str) -> Option<Operation> {
    let size = ["ksize", "window_shape"].iter().find_map(|name| call.take(name))?;
    // Windows of `nn.pool` follow each other closely unless it is told otherwise.
    let strides = call.take("strides").unwrap_or(json!(1));
    if call.take("dilations").or_else(|| call.take("dilation_rate")).is_some() {
        return None;
    }
    let settings = json!({
        "pool_size": lengths(size, call)?,
        "strides": lengths(strides, call)?,
        "padding": padding(call)?,
        "data_format": data_format(call)?,
    });
    Some(Operation::new("nn", class, settings))
}

fn blocks(call: &mut Call, class: &'static str) -> Option<Operation> {
    let settings = json!({
        "block_size": call.take("block_size")?,
        "data_format": data_format(call)?,
    });
    Some(Operation::new("nn", class, settings))
}

/// A length for all spatial axes, or one for each; TensorFlow also lists those of the batch and
/// of the channels, which are 1.
fn lengths(value: Value, call: &Call) -> Option<Value> {
    let list = match &value {
        Value::Array(list) => list,
        Value::Number(_) => return Some(value),
        _ => return None,
    };
    let is_first = call.given.get("data_format").and_then(Value::as_str).is_some_and(is_first);
    let one = json!(1);
    match (list.as_slice(), is_first) {
        ([single], _) => Some(single.clone()),
        ([batch, inner @ .., channels], false) if !inner.is_empty() && is_full(list, call) => {
            (batch == &one && channels == &one).then(|| json!(inner))
        }
        ([batch, channels, inner @ ..], true) if !inner.is_empty() && is_full(list, call) => {
            (batch == &one && channels == &one).then(|| json!(inner))
        }
        _ => Some(value),
    }
}

/// Whether a list has a length for batch and channels besides those of the spatial axes: the
/// kernel, or the name of the format, tells how many there are; without either, four are those
/// of images.
fn is_full(list: &[Value], call: &Call) -> bool {
    let by_kernel = call.args.get(1).map(|kernel| {
        let mut value = kernel;
        let mut ndim = 0;
        while let Some(inner) = value.as_array().and_then(|list| list.first()) {
            (value, ndim) = (inner, ndim + 1);
        }
        ndim
    });
    let by_format = call.given.get("data_format").and_then(Value::as_str).map(str::len);
    match (by_kernel.filter(|ndim| *ndim > 0), by_format) {
        (Some(ndim), _) | (None, Some(ndim)) => list.len() == ndim,
        (None, None) => list.len() >= 4,
    }
}

/// `"VALID"` or `"SAME"`; numbers of zeros are no setting of Keras.
fn padding(call: &mut Call) -> Option<String> {
    let padding = call.take("padding")?;
    let padding = padding.as_str()?.to_lowercase();
    ["valid", "same"].contains(&&*padding).then_some(padding)
}

/// `"NHWC"`, `"NCHW"` and their like for other numbers of axes.
fn data_format(call: &mut Call) -> Option<&'static str> {
    match call.take("data_format") {
        None => Some("channels_last"),
        Some(format) => match format.as_str()? {
            format if is_first(format) => Some("channels_first"),
            "NWC" | "NHWC" | "NDHWC" => Some("channels_last"),
            _ => None,
        },
    }
}

fn is_first(format: &str) -> bool {
    ["NCW", "NCHW", "NCDHW"].contains(&format)
}
