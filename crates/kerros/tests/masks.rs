//! Where masks go and what they leave out, as Keras has it at run time.

use kerros::layers::Activation;
use kerros::prelude::*;

/// Two rows of three steps, the last of each masked.
fn steps() -> Tensor {
    Tensor::new([2, 3, 1], [1.0f32, 2.0, 0.0, 3.0, 4.0, 0.0]).unwrap()
}

/// Off by 1 in the first row and by 2 in the second; by 100 where it does not count.
fn targets() -> Tensor {
    Tensor::new([2, 3, 1], [2.0f32, 3.0, 100.0, 5.0, 6.0, 100.0]).unwrap()
}

/// Gives back its input.
fn model() -> Result<Model> {
    let mut model = Sequential::new().input([3, 1]).add(Masking::new()).add(Dense::new(1));
    let compile = Compile::new("sgd", "mean_absolute_error", ["mae", "root_mean_squared_error"]);
    model.compile_with(compile.weighted_metrics(["mse"]))?;
    model.set_weights(&[Tensor::full([1, 1], 1.0f32), Tensor::full([1], 0.0f32)])?;
    Ok(model.into())
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.expect("it is there");
    assert!((found - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
}

#[test]
fn evaluation_leaves_masked_steps_out_of_means() -> Result<()> {
    let mut model = model()?;
    let found = model.evaluate((&steps(), &targets()))?;
    near(found.get("loss"), 1.5);
    near(found.get("mean_absolute_error").or(found.get("mae")), 1.5);
    near(found.get("mse"), 2.5);
    // Not a mean of a function: all steps count.
    near(found.get("root_mean_squared_error"), (20_010.0f64 / 6.0).sqrt());
    let weights = Tensor::new([2], [3.0f32, 1.0])?;
    let found = model.evaluate_with((&steps(), &targets(), &weights), Evaluate::new())?;
    // (3 (1 + 1) + 1 (4 + 4)) / (3 · 2 + 1 · 2)
    near(found.get("mse"), 14.0 / 8.0);
    Ok(())
}

#[test]
fn training_counts_them_in_metrics_but_not_in_the_loss() -> Result<()> {
    let mut model = model()?;
    let silent = Fit::epochs(1).verbose(Verbose::Silent);
    let history = model.fit((&steps(), &targets()), silent)?;
    near(history.last("loss"), 1.5);
    near(history.last("mae"), 206.0 / 6.0);
    Ok(())
}

/// Whether what a model gives for `make` has a mask.
fn has_mask(make: impl Fn(&KerasTensor) -> KerasTensor) -> Result<bool> {
    let input = Input::new([3, 2]).tensor();
    let output = make(&Masking::new().on(&input));
    let model = Model::functional([&input], [&output])?;
    let mut found = false;
    model.function(|graph| {
        let inputs = [graph.input("x", [2, 3, 2], DType::F32)];
        let forward = model.call(&inputs, false, None)?.0;
        found = forward.masks[0].is_some();
        Ok(forward.outputs)
    })?;
    Ok(found)
}

#[test]
fn attention_takes_the_masks_of_its_inputs_away() -> Result<()> {
    let attention = || MultiHeadAttention::new(1, 2);
    assert!(has_mask(|x| attention().on(arguments([x, x])))?);
    assert!(has_mask(|x| Add::new().on([x, &Activation::new("relu").on(x)]))?);
    assert!(!has_mask(|x| Add::new().on([x, &attention().on(arguments([x, x]))]))?);
    Ok(())
}

#[test]
fn unrolled_steps_repeat_where_they_are_masked() -> Result<()> {
    for (unroll, last) in [(false, 0.0), (true, 2.0)] {
        let rnn = SimpleRNN::new(1).activation("linear").return_sequences(true);
        let rnn = rnn.zero_output_for_mask(true).unroll(unroll);
        let mut model = Sequential::new().input([3, 1]).add(Masking::new()).add(rnn);
        model.build([3, 1])?;
        let zero = Tensor::full([1, 1], 0.0f32);
        model.set_weights(&[Tensor::full([1, 1], 1.0f32), zero, Tensor::full([1], 0.0f32)])?;
        let y = model.predict(steps())?;
        assert_eq!(y.as_slice::<f32>()?[..3], [1.0, 2.0, last], "unroll {unroll}");
    }
    Ok(())
}

/// A mask by its position counts as one by its name, not as an input or a state.
#[test]
fn masks_by_position_are_masks() -> Result<()> {
    let json = |call: &str| {
        let tensor = |name: &str, shape: &str| {
            format!(
                r#"{{"class_name": "__keras_tensor__", "config": {{"shape": {shape},
                "dtype": "float32", "keras_history": ["{name}", 0, 0]}}}}"#
            )
        };
        let call = call
            .replace("X", &tensor("x", "[null, 3, 2]"))
            .replace("S", &tensor("s", "[null, 2]"))
            .replace("M", &tensor("m", "[null, 3]"));
        let input = |name: &str, shape: &str| {
            format!(
                r#"{{"class_name": "InputLayer", "name": "{name}", "inbound_nodes": [], "config":
                {{"name": "{name}", "batch_shape": {shape}, "optional": true}}}}"#
            )
        };
        let inputs = [input("x", "[null, 3, 2]"), input("s", "[null, 2]"), input("m", "[null, 3]")];
        format!(
            r#"{{"class_name": "Functional", "config": {{"name": "f", "layers": [{}, {{
            "class_name": "GRU", "name": "g", "config": {{"name": "g", "units": 2,
            "kernel_initializer": "ones", "recurrent_initializer": "ones"}},
            "inbound_nodes": [{call}]}}],
            "input_layers": [["x", 0, 0], ["s", 0, 0], ["m", 0, 0]],
            "output_layers": [["g", 0, 0]]}}}}"#,
            inputs.join(", ")
        )
    };
    let x = Tensor::new([1, 3, 2], [0.1f32, 0.2, 0.3, -0.1, 0.5, 0.4])?;
    let mask = Tensor::new([1, 3], [1.0f32, 1.0, 0.0])?;
    let data = vec![x, Tensor::new([1, 2], [0.5f32, -0.5])?, mask];
    let found = |call: &str| Model::from_json(&json(call))?.predict(data.clone());
    let by_position = found(r#"{"args": [X, [S], M], "kwargs": {}}"#)?;
    assert_eq!(by_position, found(r#"{"args": [X, [S]], "kwargs": {"mask": M}}"#)?);
    assert_ne!(by_position, found(r#"{"args": [X, [S]], "kwargs": {}}"#)?);
    let alone = found(r#"{"args": [X, null, M], "kwargs": {}}"#)?;
    assert_eq!(alone, found(r#"{"args": [X], "kwargs": {"mask": M}}"#)?);
    assert_ne!(alone, by_position);
    // That an input is optional to Keras is kept.
    let text = Model::from_json(&json(r#"{"args": [X, null, M], "kwargs": {}}"#))?.to_json()?;
    assert_eq!(text.matches(r#""optional": true"#).count(), 3);
    Ok(())
}
