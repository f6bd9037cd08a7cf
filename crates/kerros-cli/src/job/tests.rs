use kerros::data::Samples;
use kerros::{Fit, Tensor, Verbose};

use super::*;
use crate::data::About;

const JOB: &str = r#"
[data]
dataset = "iris"

[[layers]]
type = "Dense"
units = 3
activation = "softmax"

[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"

[fit]
epochs = 2
"#;

fn message(text: &str) -> String {
    match Job::parse("job", text, Path::new("")) {
        Ok(_) => panic!("{text} was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shortest_job_takes_the_defaults() {
    let job = Job::parse("job", JOB, Path::new("")).unwrap();
    assert_eq!((job.fit.epochs, job.fit.batch_size, job.fit.shuffle), (2, 32, true));
    assert_eq!(job.fit.class_weight, ClassWeight::Given(Vec::new()));
    assert_eq!(job.output.model, None);
    let mut model = job.model(&job.data.load().unwrap(), Some(1)).unwrap();
    assert_eq!(model.network().name, "job");
    assert_eq!(model.count_params().unwrap(), 4 * 3 + 3);
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    let with = |from: &str, to: &str| message(&JOB.replace(from, to));
    assert!(with("[fit]", "[fti]").contains("the job: unknown key `fti`"));
    assert!(with("[fit]", "[fti]").contains("did you mean `fit`?"));
    assert!(with("epochs", "epohcs").contains("[fit]: unknown key `epohcs`"));
    assert!(
        with("dataset =", "shuffel = true\ndataset =").contains("[data]: unknown key `shuffel`")
    );
    assert!(with("optimizer", "optimiser").contains("[compile]: `optimizer` is missing"));
    assert!(with("units", "unit").contains("unknown argument `unit`"));
    assert!(with("\"Dense\"", "\"Dnese\"").contains("nearest being Dense"));
}

#[test]
fn what_is_missing_is_named() {
    assert!(message("").contains("there is no [data]"));
    assert!(message("[data]\ndataset = \"iris\"").contains("there is no [compile]"));
    let without = JOB.replace("[[layers]]", "[other]");
    assert!(message(&without).contains("there are no layers"), "{}", message(&without));
    assert!(message("[data\n").contains("this is not TOML"));
}

#[test]
fn class_weights_are_given_or_balanced() {
    let parse =
        |line: &str| Job::parse("job", &format!("{JOB}class_weight = {line}"), Path::new(""));
    assert_eq!(
        parse("{ 0 = 1, 2 = 3.5 }").unwrap().fit.class_weight,
        ClassWeight::Given(vec![(0, 1.0), (2, 3.5)])
    );
    assert_eq!(parse("\"balanced\"").unwrap().fit.class_weight, ClassWeight::Balanced);
    assert!(parse("{ 0 = -1 }").is_err());
    assert!(parse("{ cat = 1 }").is_err());
}

#[test]
fn callbacks_take_their_arguments() {
    let parse =
        |lines: &str| Job::parse("job", &format!("{JOB}[[fit.callbacks]]\n{lines}"), Path::new(""));
    let all = "type = 'EarlyStopping'\nmonitor = 'loss'\npatience = 3\nmin_delta = 0.1\n\
               mode = 'min'\nbaseline = 1.0\nrestore_best_weights = true\nstart_from_epoch = 2\n\
               [[fit.callbacks]]\ntype = 'ReduceLROnPlateau'\nfactor = 0.5\ncooldown = 1\n\
               [[fit.callbacks]]\ntype = 'StopAtLoss'\nthreshold = 0.1\n\
               [[fit.callbacks]]\ntype = 'TerminateOnNaN'";
    assert_eq!(parse(all).unwrap().fit.callbacks.len(), 4);
    assert!(parse("type = 'EarlyStoping'").unwrap_err().to_string().contains("did you mean"));
    assert!(
        parse("type = 'EarlyStopping'\npatient = 3").unwrap_err().to_string().contains("patience")
    );
    assert!(
        parse("type = 'StopAtLoss'").unwrap_err().to_string().contains("`threshold` is missing")
    );
    assert!(parse("patience = 3").unwrap_err().to_string().contains("`type` is missing"));
    let more = "type = 'ModelCheckpoint'\nfilepath = '{epoch}.keras'\nsave_freq = 3\n\
                [[fit.callbacks]]\ntype = 'BackupAndRestore'\nbackup_dir = 'b'\n\
                save_freq = 'epoch'\n\
                [[callbacks]]\ntype = 'TensorBoard'\nupdate_freq = 'batch'\n\
                [[callbacks]]\ntype = 'CSVLogger'\nfilename = 'log.csv'\nseparator = ';'\n\
                [[callbacks]]\ntype = 'SwapEMAWeights'\nswap_on_epoch = true";
    assert_eq!(parse(more).unwrap().fit.callbacks.len(), 5);
    let scheduler = parse("type = 'LearningRateScheduler'").unwrap_err().to_string();
    assert!(scheduler.contains("cannot be made from text"), "{scheduler}");
    let error = parse("type = 'ModelCheckpoint'\nfilepath = 'a.keras'\nmonitr = 'loss'");
    let text = error.unwrap_err().to_string();
    assert!(text.contains("unknown argument `monitr`"), "{text}");
    assert!(text.contains("did you mean `monitor`?"), "{text}");
}

#[test]
fn fit_takes_its_options() {
    let parse = |lines: &str| Job::parse("job", &format!("{JOB}{lines}"), Path::new(""));
    let all = "steps_per_epoch = 3\nvalidation_steps = 2\nvalidation_batch_size = 4\n\
               validation_freq = [1, 5]\ninitial_epoch = 1";
    let fit = parse(all).unwrap().fit;
    assert_eq!((fit.steps_per_epoch, fit.validation_steps), (Some(3), Some(2)));
    assert_eq!((fit.validation_batch_size, fit.initial_epoch), (Some(4), 1));
    assert_eq!(fit.validation_freq, ValidationFreq::After(vec![1, 5]));
    assert_eq!(parse("validation_freq = 3").unwrap().fit.validation_freq, 3.into());
    assert!(parse("validation_freq = 0").is_err());
    assert!(parse("validation_freq = [0]").is_err());
    assert!(parse("steps_per_epoch = 0").is_err());
}

#[test]
fn a_normalization_takes_the_training_data() {
    let first = JOB.replacen("[[layers]]", "[[layers]]\ntype = 'Normalization'\n\n[[layers]]", 1);
    let job = Job::parse("job", &first, Path::new("")).unwrap();
    let data = job.data.load().unwrap();
    let mut model = job.model(&data, Some(1)).unwrap();
    let mean = model.get_weights().unwrap()[0].to_vec_f64();
    // The mean length of the sepals in R. A. Fisher's table.
    assert!((mean[0] - 5.843333).abs() < 1e-5, "{mean:?}");
    let late = JOB.replace("[compile]", "[[layers]]\ntype = 'Normalization'\n\n[compile]");
    let job = Job::parse("job", &late, Path::new("")).unwrap();
    let error = job.model(&data, None).unwrap_err();
    assert!(error.to_string().starts_with("[[layers]] number 2"), "{error}");
}

const GRAPH: &str = r#"
[data]
inputs = ["left.npy", "right.npy"]
targets = ["same.npy", "sum.npy"]

[model]
outputs = ["same", "sum"]

[[inputs]]
name = "left"

[[inputs]]
name = "right"
shape = [4]

[[layers]]
name = "encoder"
type = "Dense"
units = 3
inputs = "left"

[[layers]]
name = "encoder of right"
layer = "encoder"
inputs = "right"

[[layers]]
name = "same"
type = "Dot"
axes = 1
inputs = ["encoder", "encoder of right"]

[[layers]]
type = "Add"
inputs = ["encoder", "encoder of right"]

[[layers]]
name = "sum"
type = "Dense"
units = 2

[compile]
optimizer = "adam"
loss = { same = "mse", sum = { type = "Huber", delta = 2.0 } }
loss_weights = { same = 1, sum = 0.5 }
metrics = { sum = ["mae"] }
"#;

fn two_arrays() -> Parts {
    let zeros = |columns: usize| Tensor::full([5, columns], 0.0f32);
    let train = Samples::new(vec![zeros(4), zeros(4)], vec![zeros(1), zeros(2)]);
    Parts { train, validation: None, test: None, about: About::default() }
}

/// The error of building a changed `GRAPH`.
fn graph_message(from: &str, to: &str) -> String {
    let changed = GRAPH.replacen(from, to, 1);
    assert_ne!(changed, GRAPH);
    let built = Job::parse("job", &changed, Path::new(""))
        .and_then(|job| job.model(&two_arrays(), Some(1)));
    built.map(|_| panic!("{changed} was accepted")).unwrap_err().to_string()
}

#[test]
fn layers_say_what_they_take() {
    let job = Job::parse("job", GRAPH, Path::new("")).unwrap();
    let mut model = job.model(&two_arrays(), Some(1)).unwrap();
    // The encoder counts once, however often it is applied.
    assert_eq!(model.count_params().unwrap(), (4 * 3 + 3) + (3 * 2 + 2));
    assert_eq!(model.network().output_names(), ["same", "sum"]);
    let history = model.fit(&two_arrays().train, Fit::epochs(1).verbose(Verbose::Silent)).unwrap();
    let names: Vec<String> = history.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["loss", "same_loss", "sum_loss", "sum_mae"]);
}

#[test]
fn the_second_result_of_a_layer_has_a_number() {
    let text = r#"
[data]
dataset = "digits"
[[layers]]
type = "Reshape"
target_shape = [8, 8]
[[layers]]
name = "x"
type = "LSTM"
units = 5
return_state = true
[[layers]]
type = "RepeatVector"
n = 3
inputs = "x"
[[layers]]
name = "repeated"
type = "LSTM"
units = 5
inputs = ["repeat", ["x:1", "x:2"]]
[compile]
optimizer = "sgd"
loss = "mse"
"#;
    let text = text.replace("n = 3", "n = 3\nname = \"repeat\"");
    let job = Job::parse("job", &text, Path::new("")).unwrap();
    let mut model = job.model(&job.data.load().unwrap(), None).unwrap();
    assert_eq!(model.count_params().unwrap(), 4 * 5 * (8 + 5 + 1) + 4 * 5 * (5 + 5 + 1));
}

#[test]
fn wrong_graphs_are_explained() {
    let unknown = graph_message("inputs = \"right\"", "inputs = \"rigth\"");
    assert!(unknown.contains("[[layers]] number 2"), "{unknown}");
    assert!(unknown.contains("no input or layer `rigth`"), "{unknown}");
    assert!(unknown.ends_with("did you mean `right`?"), "{unknown}");
    let twice = graph_message("name = \"encoder of right\"", "name = \"encoder\"");
    assert!(twice.contains("`encoder` is given twice"), "{twice}");
    let again = graph_message("layer = \"encoder\"", "layer = \"coder\"");
    assert!(again.contains("there is no layer `coder`"), "{again}");
    let unused = graph_message("outputs = [\"same\", \"sum\"]", "outputs = [\"same\"]");
    assert!(unused.contains("[[layers]] number 4"), "{unused}");
    assert!(unused.contains("no output of the model comes from this layer"), "{unused}");
    let inputs = graph_message("[[inputs]]\nname = \"right\"\nshape = [4]\n", "");
    assert!(inputs.contains("1 inputs for 2 arrays"), "{inputs}");
    let nothing = graph_message("inputs = \"left\"\n", "");
    assert!(nothing.contains("which input it takes"), "{nothing}");
    let chain = graph_message("[model]", "[model]\ninput = [4]");
    assert!(chain.contains("for layers that are a chain"), "{chain}");
    let number = graph_message("inputs = \"right\"", "inputs = 3");
    assert!(number.contains("`inputs` is 3"), "{number}");
    let result = graph_message("inputs = \"right\"", "inputs = \"right:x\"");
    assert!(result.contains("no input or layer `right:x`"), "{result}");
    let no_output =
        graph_message("outputs = [\"same\", \"sum\"]", "outputs = [\"same\", \"some\"]");
    assert!(no_output.contains("`some`"), "{no_output}");
}

#[test]
fn a_normalization_may_follow_any_input() {
    let text = JOB.replace(
        "[[layers]]",
        "[[inputs]]\nname = 'x'\n\n[[layers]]\ntype = 'Normalization'\ninputs = 'x'\n\n[[layers]]",
    );
    let job = Job::parse("job", &text, Path::new("")).unwrap();
    let mut model = job.model(&job.data.load().unwrap(), Some(1)).unwrap();
    let mean = model.get_weights().unwrap()[0].to_vec_f64();
    assert!((mean[0] - 5.843333).abs() < 1e-5, "{mean:?}");
}

#[test]
fn the_built_in_jobs_are_sound() {
    for (name, _) in BUILT_IN {
        let job = Job::built_in(name).unwrap();
        let data = job.data.load().unwrap();
        job.model(&data, Some(0)).unwrap();
    }
    assert!(Job::built_in("digit").is_err());
}
