//! `keras.ops` in functional models give what real Keras gives, so do their derivatives, and they
//! are written as Keras writes them.
//!
//! The numbers come from `fixtures/make.py` for the families `operations`,
//! `operations_exact` and `operations_transforms`; inputs are made here by the same formula as
//! there. Tolerances are relative to the largest number of an array, and to 1: sums and products of
//! up to some 50 numbers in another order, 64 units in the last place.

mod keras;

use kerros::graph::{Node, grad_where_connected};
use kerros::{DType, Model, Result, Shape, Tensor};
use serde_json::Value;

use keras::{EPS, agrees, fill, fixture, input, numbers, shape as shape_of};

const BOUND: f64 = 64.0 * EPS;
const ROWS: usize = 3;
const SALT_COTANGENT: usize = 60;

/// What differs from Keras in a case.
fn check(case: &Value) -> Result<Vec<String>> {
    let mut model = Model::from_json(case["model"].as_str().unwrap())?;
    let rows = case["rows"].as_array().unwrap().iter().enumerate();
    let xs: Vec<Tensor> =
        rows.map(|(at, row)| fill(&[&[ROWS], &shape_of(row)[..]].concat(), at)).collect();
    let (mut num_outputs, mut places) = (0, Vec::new());
    let mut pass = model.function(|graph| {
        let named = xs.iter().enumerate();
        let inputs: Vec<Node<'_>> =
            named.map(|(at, x)| input(graph, &format!("x{at}"), x)).collect();
        let (forward, _) = model.call(&inputs, false, None)?;
        let floats = forward.outputs.iter().copied().filter(|y| y.dtype() == DType::F32);
        let sums = floats.map(|y| {
            let cotangent = y.graph().literal(fill(&y.shape(), SALT_COTANGENT));
            (y * cotangent).sum_all()
        });
        let sum = sums.reduce(|sum, other| sum + other).unwrap_or_else(|| graph.constant(0.0));
        num_outputs = forward.outputs.len();
        let mut results: Vec<Node<'_>> =
            forward.outputs.iter().map(|y| y.cast(DType::F32)).collect();
        for gradient in grad_where_connected(sum, &inputs)? {
            places.push(gradient.map(|_| results.len()));
            results.extend(gradient);
        }
        Ok(results)
    })?;
    pass.run_on(&mut model, &xs.iter().collect::<Vec<_>>())?;
    let keras = case["outputs"].as_array().unwrap();
    let mut wrong = Vec::new();
    if num_outputs != keras.len() {
        wrong.push(format!("{num_outputs} results instead of {}", keras.len()));
    }
    for (at, keras) in keras.iter().enumerate().take(num_outputs) {
        wrong.extend(difference(&format!("result {at}"), &pass.output(at)?, keras));
    }
    for (at, (place, keras)) in
        places.into_iter().zip(case["gradients"].as_array().unwrap()).enumerate()
    {
        let zero = || Tensor::zeros(Shape::from(shape_of(&keras["shape"])), DType::F32);
        let found = place.map_or_else(|| Ok(zero()), |place| pass.output(place))?;
        wrong.extend(difference(&format!("derivative {at}"), &found, keras));
    }
    Ok(wrong)
}

/// What of the operations is written otherwise than Keras writes it; what Keras leaves to
/// defaults may be written.
fn unlike_when_written(case: &Value) -> Result<Vec<String>> {
    let json = case["model"].as_str().unwrap();
    // Python's words for numbers that JSON has not stand in arguments only.
    let parse = |json: &str| -> Value {
        let json = json.replace("-Infinity", "null").replace("Infinity", "null");
        serde_json::from_str(&json.replace("NaN", "null")).unwrap()
    };
    let (keras, written) = (parse(json), parse(&Model::from_json(json)?.to_json()?));
    let layers = |model: &Value| model["config"]["layers"].as_array().unwrap().clone();
    let mut wrong = Vec::new();
    for layer in layers(&keras) {
        // Some operations have no name in Keras's config.
        let is_same = |other: &Value| other["name"] == layer["name"];
        let is_alike = |other: &Value| other["class_name"] == layer["class_name"];
        let all = layers(&written);
        let ours = all.iter().find(|other| is_same(other));
        let ours = ours.or_else(|| all.iter().find(|other| is_alike(other)));
        let ours = ours.cloned().unwrap_or_default();
        let config = layer["config"].as_object().unwrap();
        let is_operation = layer["module"].as_str().unwrap().starts_with("keras.src.");
        let settings = config.iter().filter(|(_, value)| !value.is_null());
        let unlike = settings.filter(|(name, value)| ours["config"][*name] != **value);
        let names = ["module", "class_name"].into_iter().filter(|name| ours[*name] != layer[*name]);
        let unlike: Vec<&str> = unlike.map(|(name, _)| name.as_str()).chain(names).collect();
        if is_operation && !unlike.is_empty() {
            wrong.push(format!("{} is written with another {}", layer["name"], unlike.join(", ")));
        }
    }
    Ok(wrong)
}

/// The first number that is off, in words.
fn difference(what: &str, found: &Tensor, keras: &Value) -> Option<String> {
    let shape = shape_of(&keras["shape"]);
    if found.shape().dims() != shape {
        return Some(format!("{what} of shape {} instead of {shape:?}", found.shape()));
    }
    let (found, keras) = (found.to_vec_f64(), numbers(keras));
    let finite = keras.iter().filter(|k| k.is_finite());
    let largest = finite.fold(1.0f64, |largest, k| largest.max(k.abs()));
    let at = found.iter().zip(&keras).position(|(&f, &k)| !agrees(f, k, BOUND * largest))?;
    Some(format!("{what}[{at}]: {} instead of {}", found[at], keras[at]))
}

/// That all cases of a file agree.
#[track_caller]
fn check_family(file: &str) {
    let family = fixture(file);
    let cases = family["cases"].as_array().unwrap();
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| {
            let found = [check(case), unlike_when_written(case)]
                .into_iter()
                .flat_map(|found| found.unwrap_or_else(|error| vec![error.to_string()]));
            found.map(|what| format!("{}: {what}", case["name"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn operations_agree() {
    check_family("operations.json");
}

/// Whole numbers that no float holds, truth values, NaN and infinities.
#[test]
fn exact_operations_agree() {
    check_family("operations_exact.json");
}

/// Linear algebra, waves, sampled images, bits and sequences.
#[test]
fn transforms_agree() {
    check_family("operations_transforms.json");
}

/// The refusal of a case's model in which this text stands in place of that.
fn refusal(name: &str, from: &str, to: &str) -> String {
    let family = fixture("operations_transforms.json");
    let case = family["cases"].as_array().unwrap().iter().find(|case| case["name"] == name);
    let json = case.unwrap()["model"].as_str().unwrap();
    assert_ne!(json, json.replace(from, to), "{name}");
    Model::from_json(&json.replace(from, to)).unwrap_err().to_string()
}

/// What is written out step by step, or as a matrix, has bounds.
#[test]
fn sizes_and_settings_that_cannot_be_are_refused() {
    for (name, from, to, said) in [
        ("lu_factor", "[null, 4, 4]", "[null, 4, 129]", "128 rows and columns"),
        ("rfft", "\"fft_length\": 8", "\"fft_length\": 1000000", "`fft_length`"),
        ("stft", "\"fft_length\": 8", "\"fft_length\": 7", "`sequence_length`"),
        ("stft_hamming", "\"hamming\"", "\"kaiser\"", "`window`"),
        ("unfold_all", "\"kernel_size\": [2, 3]", "\"kernel_size\": [2, 30000]", "`kernel_size`"),
        ("bitwise_and", "\"dtype\": \"int32\"", "\"dtype\": \"float32\"", "bits of floats"),
        ("affine_wrap", "\"wrap\"", "\"warp\"", "`fill_mode`"),
        ("ctc_decode", "\"greedy\"", "\"beam_search\"", "greedy"),
        ("unravel_index", "[3, 7]", "[3, 0]", "`shape`"),
    ] {
        let error = refusal(name, from, to);
        assert!(error.contains(said), "{name}: {error}");
    }
}

/// How far an axis is continued is the file's to say, within bounds.
#[test]
fn an_axis_that_is_continued_without_end_is_refused() {
    let family = fixture("operations.json");
    let case = family["cases"].as_array().unwrap().iter().find(|case| case["name"] == "pad_wrap");
    let json = case.unwrap()["model"].as_str().unwrap();
    let endless = json.replace("[3, 4]", "[3, 2147483647]");
    assert_ne!(json, endless);
    let error = Model::from_json(&endless).unwrap_err().to_string();
    assert!(error.contains("`pad_width`") && error.contains("at most"), "{error}");
}
