//! Mistakes that users make, and what they are told. Places in files are left out of the
//! snapshots, except in one test that is about them.

use std::sync::{Arc, Mutex};

use kerros::layers::{Activation, Dense, Dropout, InputLayer, Reshape};
use kerros::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy,
};
use kerros::{DType, Error, ErrorKind, Fit, Sequential, Tensor, Verbose};

/// The message without the places where things were built.
fn text(error: &Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(|line| match (line.starts_with("  in: "), line.find(" (")) {
        (true, Some(at)) => Some(line[..at].to_string()),
        (true, None) => None,
        (false, _) => Some(line.to_string()),
    });
    lines.flatten().collect::<Vec<_>>().join("\n")
}

fn classifier(loss: impl Into<kerros::Choice<dyn kerros::losses::Loss>>) -> Sequential {
    let mut model = Sequential::new()
        .input([4])
        .seed(1)
        .add(Dense::new(5).activation("relu"))
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", loss, ["accuracy"]).unwrap();
    model
}

fn fit(model: &mut Sequential, x: &Tensor, y: &Tensor) -> Error {
    model.fit((x, y), Fit::epochs(1).verbose(Verbose::Silent)).unwrap_err()
}

fn x(rows: usize) -> Tensor {
    let values: Vec<f32> = (0..rows * 4).map(|at| at as f32 * 0.1).collect();
    Tensor::new([rows, 4], values).unwrap()
}

#[test]
fn the_line_that_made_a_layer_is_named() {
    let layer = Dense::new(3).activation("rleu");
    let line = line!() - 1;
    let mut model = Sequential::new().input([4]).add(layer);
    let error = model.compile("adam", "mse", ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownName);
    let text = error.to_string();
    assert!(text.contains("unknown activation `rleu`"), "{text}");
    assert!(text.contains(&format!("in: layer `dense` ({}:{line})", file!())), "{text}");
}

#[test]
fn names_are_checked_when_compiling() {
    let compile = |optimizer: &str, loss: &str, metric: &str| {
        let mut model = Sequential::new().input([4]).add(Dense::new(3));
        let error = model.compile(optimizer, loss, [metric]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownName);
        assert!(error.origin().location.unwrap().0.ends_with("mistakes.rs"));
        error.message().to_string()
    };
    assert_eq!(compile("adma", "mse", "mae"), "unknown optimizer `adma`");
    assert_eq!(compile("adam", "msee", "mae"), "unknown loss `msee`");
    assert_eq!(compile("adam", "mse", "acuracy"), "unknown metric `acuracy`");
}

#[test]
fn wrong_layers_are_refused() {
    let built = |model: Sequential| {
        let mut model = model;
        text(&model.compile("sgd", "mse", ()).unwrap_err())
    };
    insta::assert_snapshot!(built(Sequential::new()), @r"
    the model `sequential` is empty
      expected: at least one layer
      try: add layers with `.add(..)`
    ");
    insta::assert_snapshot!(built(Sequential::new().add(Dense::new(0))), @r"
    a Dense layer of 0 units
      expected: at least 1 unit
      in: layer `dense`
    ");
    insta::assert_snapshot!(built(Sequential::new().add(Dropout::new(20.0))), @r"
    the dropout rate is 20
      expected: a share in 0..=1
      in: layer `dropout`
      try: write 0.2 to drop a fifth of the elements
    ");
    let named = |name: &str| Dense::new(2).name(name);
    let twice = built(Sequential::new().input([2]).add(named("a")).add(named("a")));
    assert!(twice.starts_with("two layers are named `a`, the first layer `a` ("), "{twice}");
    insta::assert_snapshot!(built(Sequential::new().add(named("a/b"))), @r"
    the layer name `a/b`
      expected: a name that is not empty and has no `/`
      in: layer `a/b`
    ");
    let reshape = Sequential::new().input([6]).add(Reshape::new([4, -1]));
    insta::assert_snapshot!(built(reshape), @r"
    rows of shape [6] (6 elements) cannot become [4, -1]
      expected: as many elements in each row before and after
      in: layer `reshape`
      try: let one length be -1
    ");
    let late = Sequential::new().input([6]).add(Dense::new(1)).add(InputLayer::new([6]));
    insta::assert_snapshot!(built(late), @r"
    an InputLayer after other layers
      expected: the input first
      in: layer `input_layer`
    ");
    let flat = Sequential::new().input(kerros::Shape::scalar()).add(Dense::new(1));
    insta::assert_snapshot!(built(flat), @r"
    each input row is a single number
      expected: rows of at least one axis: [batch, .., in]
      in: layer `dense`
      try: give inputs of shape [rows, 1]: `x.reshape([rows, 1])`
    ");
}

#[test]
fn calls_in_the_wrong_order_are_refused() {
    let mut model = Sequential::new().input([4]).add(Dense::new(1));
    insta::assert_snapshot!(text(&fit(&mut model, &x(2), &x(2))), @r"
    the model has not been compiled
      expected: a call of `compile` before
      try: model.compile(Adam::new(1e-3), MeanSquaredError::new(), ())?
    ");
    let mut model = Sequential::new().add(Dense::new(1));
    insta::assert_snapshot!(text(&model.get_weights().unwrap_err()), @r"
    the model `sequential` has no weights yet
      expected: the shape of the input
      try: give it with `.input([..])`, or call `fit` or `build` first
    ");
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let labels = Tensor::new([4], [0i32, 1, 2, 0]).unwrap();
    let sparse = || classifier(SparseCategoricalCrossentropy::new());
    let wide = Tensor::zeros([4, 7], DType::F32);
    insta::assert_snapshot!(text(&fit(&mut sparse(), &wide, &labels)), @r"
    fit: input `input_layer` has the shape [4, 7]
      expected: [batch, 4]
      in: layer `dense`
      try: check the shape given to `.input(..)`, and the data's columns
    ");
    insta::assert_snapshot!(text(&fit(&mut sparse(), &x(3), &labels)), @r"
    fit: the arrays have different numbers of rows: input 0 has 3 (shape [3, 4]), target 0 has 4 (shape [4])
      expected: the same number of rows in every array
      try: check that inputs, targets and weights come from the same part of the data
    ");
    let empty = Tensor::zeros([0, 4], DType::F32);
    insta::assert_snapshot!(
        text(&fit(&mut sparse(), &empty, &Tensor::zeros([0], DType::I32))), @r"
    fit: the data are empty: input 0 has shape [0, 4]
      expected: at least one row
    ");
    let mut broken = x(4);
    broken.as_mut_slice::<f32>().unwrap()[9] = f32::NAN;
    insta::assert_snapshot!(text(&fit(&mut sparse(), &broken, &labels)), @r"
    fit: input 0 is NaN in row 2, column 1
      expected: finite numbers
      try: drop such rows, or fill the gaps, before training
    ");
    let alone = sparse().fit(x(4), Fit::epochs(1).verbose(Verbose::Silent)).unwrap_err();
    insta::assert_snapshot!(text(&alone), @r"
    fit: 0 target arrays were given
      expected: one target array, for the model's one output
      try: give inputs and targets as a pair: `(&x, &y)`
    ");
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let sparse = || classifier(SparseCategoricalCrossentropy::new());
    let told = |labels: Tensor| text(&fit(&mut sparse(), &x(4), &labels));
    insta::assert_snapshot!(told(Tensor::new([4], [0i32, 1, 3, 0]).unwrap()), @r"
    fit: the label of row 2 is 3, the model has 3 outputs
      expected: labels in 0..3
      try: give the last layer 4 units
    ");
    insta::assert_snapshot!(told(Tensor::new([4], [1i32, 2, 3, 1]).unwrap()), @r"
    fit: the label of row 2 is 3, the model has 3 outputs
      expected: labels in 0..3
      try: the labels count from 1: subtract 1
    ");
    insta::assert_snapshot!(told(Tensor::new([4], [0i32, -1, 2, 0]).unwrap()), @r"
    fit: the label of row 1 is -1, the model has 3 outputs
      expected: labels in 0..3
      try: number the classes from 0
    ");
    insta::assert_snapshot!(told(Tensor::new([4], [0.0f32, 1.0, 0.5, 2.0]).unwrap()), @r"
    fit: the label of row 2 is 0.5
      expected: a class number: 0, 1, 2 ...
      try: for targets that are quantities use a regression loss, such as MeanSquaredError
    ");
    insta::assert_snapshot!(told(Tensor::zeros([4, 3], DType::F32)), @r"
    fit: the target has the shape [4, 3]: one row per sample
      expected: class labels of shape [rows] for the loss `sparse_categorical_crossentropy`
      try: use CategoricalCrossentropy for one-hot targets, or give the labels themselves
    ");
    insta::assert_snapshot!(told(Tensor::zeros([4, 2], DType::F32)), @r"
    fit: the target has rows of shape [2], the model's output has [3]
      expected: the same shape (a last axis of length 1 may be missing or extra)
      try: check the number of units of the last layer
    ");
    let mut one_hot = classifier(CategoricalCrossentropy::new());
    let labels = Tensor::new([4], [0i32, 1, 2, 0]).unwrap();
    insta::assert_snapshot!(text(&fit(&mut one_hot, &x(4), &labels)), @r"
    fit: the target has the shape [4]: one number per sample
      expected: rows of 3 numbers, like the model's output, for the loss `categorical_crossentropy`
      try: use SparseCategoricalCrossentropy for class labels, or make one-hot rows
    ");
    let mut values = classifier(MeanSquaredError::new());
    let column = Tensor::zeros([4, 1], DType::F32);
    insta::assert_snapshot!(text(&fit(&mut values, &x(4), &column)), @r"
    fit: the target has the shape [4, 1]: one number per sample
      expected: rows of 3 numbers, like the model's output, for the loss `mean_squared_error`
      try: give the last layer 1 unit, for one number per sample
    ");
}

#[test]
fn probabilities_do_not_meet_from_logits() {
    let labels = Tensor::new([4], [0i32, 1, 2, 0]).unwrap();
    let mut model = classifier(SparseCategoricalCrossentropy::new().from_logits(true));
    insta::assert_snapshot!(text(&fit(&mut model, &x(4), &labels)), @r"
    the loss `sparse_categorical_crossentropy` expects logits, the model ends in a softmax
      expected: logits with from_logits(true), or probabilities with from_logits(false)
      in: layer `dense_1`
      try: leave `from_logits(true)` away, or remove the softmax
    ");
    let mut model = Sequential::new().input([4]).add(Dense::new(1)).add(Activation::new("sigmoid"));
    model.compile("sgd", BinaryCrossentropy::new().from_logits(true), ()).unwrap();
    let y = Tensor::zeros([4, 1], DType::F32);
    insta::assert_snapshot!(text(&fit(&mut model, &x(4), &y)), @r"
    the loss `binary_crossentropy` expects logits, the model ends in a sigmoid
      expected: logits with from_logits(true), or probabilities with from_logits(false)
      in: layer `activation`
      try: leave `from_logits(true)` away, or remove the sigmoid
    ");
}

fn heard(model: &mut Sequential) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    model.on_warning(move |message| ear.lock().unwrap().push(message.to_string()));
    heard
}

#[test]
fn doubtful_settings_are_warned_of() {
    let mut model = Sequential::new().input([4]).add(Dense::new(3));
    model.compile("sgd", SparseCategoricalCrossentropy::new(), ()).unwrap();
    let warnings = heard(&mut model);
    let labels = Tensor::new([60], (0..60).map(|row| row / 20).collect::<Vec<i32>>()).unwrap();
    let quiet = || Fit::epochs(1).verbose(Verbose::Silent);
    model.fit((&x(60), &labels), quiet().validation_split(0.4)).unwrap();
    let first = warnings.lock().unwrap().join("\n");
    assert!(first.contains("the last 24 of 60 rows, taken for validation, differ"), "{first}");
    assert!(first.contains("expects probabilities, the model ends in plain sums"), "{first}");
    // Once is enough.
    model.fit((&x(60), &labels), quiet()).unwrap();
    assert_eq!(warnings.lock().unwrap().len(), 2);
}

#[test]
fn a_weight_that_the_loss_does_not_see_is_refused() {
    use kerros::layers::{Call, Layer, Options, Weight};
    use kerros::object::{Config, Described};

    /// Has a weight and does not use it.
    #[derive(Debug)]
    struct Idle(Options);
    impl Described for Idle {
        fn class_name(&self) -> &'static str {
            "Idle"
        }
        fn config(&self) -> Config {
            self.0.config()
        }
    }
    impl Layer for Idle {
        fn options(&self) -> &Options {
            &self.0
        }
        fn weights(&self, _inputs: &[kerros::Shape]) -> kerros::Result<Vec<Weight>> {
            Ok(vec![Weight::new("idle", [2], Arc::new(kerros::initializers::Zeros::new()))])
        }
        fn call<'g>(
            &self,
            inputs: &[kerros::graph::Node<'g>],
            _call: &Call<'_, 'g>,
        ) -> kerros::Result<Vec<kerros::graph::Node<'g>>> {
            Ok(inputs.to_vec())
        }
    }

    let mut model = Sequential::new().input([4]).add(Idle(Options::here())).add(Dense::new(1));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    model.on_warning(move |message| ear.lock().unwrap().push(message.to_string()));
    model.compile("sgd", "mse", ()).unwrap();
    let before = model.get_weights().unwrap();
    for rows in [4, 3] {
        let y = Tensor::zeros([rows, 1], DType::F32);
        model.fit((&x(rows), &y), Fit::epochs(1).verbose(Verbose::Silent)).unwrap();
    }
    // Told once, however many shapes of batches there are; the other weights learn.
    let told: Vec<String> = heard.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("the loss does not depend on `sequential/idle/idle`:"), "{told:?}");
    let after = model.get_weights().unwrap();
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
}
