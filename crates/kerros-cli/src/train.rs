//! `kerros train`: a job, or a saved model that goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use kerros::callbacks::TerminateOnNaN;
use kerros::data::balanced_class_weights;
use kerros::{Error, ErrorKind, Fit, History, Model, Verbose};

use crate::args::{DataArgs, TrainArgs};
use crate::array_data::{self, Purpose};
use crate::data::Parts;
use crate::job::{self, ClassWeight, Job, JobCallback};
use crate::messages::{Usage, say};
use crate::report::{confusion, diagnosis, panels, svg, terminal};
use crate::{device, outputs, summary};

/// Runs `kerros train`.
///
/// # Errors
/// Whatever stops the run; the outputs are then as they were.
pub fn run(args: &TrainArgs) -> Result<()> {
    let path = Path::new(&args.source);
    if summary::is_model_file(path) {
        if args.print_job {
            return Err(Usage("--print-job is for jobs, not for saved models".into()).into());
        }
        return go_on(path, args);
    }
    let is_file = path.extension().is_some_and(|extension| extension == "toml");
    if args.print_job {
        let text = match is_file {
            true => job::read_text(path)
                .map_err(|error| error.context(format!("reading `{}`", path.display())))?,
            false => job::built_in_text(&args.source)?.to_string(),
        };
        return say(text.trim_end());
    }
    if !is_file && path.exists() {
        return Err(Error::new(ErrorKind::Format, format!("`{}` is no model", args.source))
            .expected("a job file (.toml) or a saved model (.keras)")
            .into());
    }
    let job = if is_file { Job::read(path)? } else { Job::built_in(&args.source)? };
    run_job(job, args)
}

/// Where the results of a run go.
struct Files {
    model: PathBuf,
    history: Option<PathBuf>,
    plot: Option<PathBuf>,
}

impl Files {
    /// What the command line says, else the job; checked before any work is done.
    fn new(
        args: &TrainArgs,
        model: PathBuf,
        history: Option<&Path>,
        plot: Option<&Path>,
    ) -> Result<Self> {
        let pick = |given: &Option<PathBuf>, other: Option<&Path>| {
            given.clone().or_else(|| other.map(Path::to_path_buf))
        };
        let files = Files {
            model: args.output.clone().unwrap_or(model),
            history: pick(&args.history, history),
            plot: pick(&args.plot, plot).filter(|_| !args.no_plot),
        };
        summary::check_model_name(&files.model)?;
        let all = [Some(&files.model), files.history.as_ref(), files.plot.as_ref()];
        outputs::check(&all.into_iter().flatten().map(PathBuf::as_path).collect::<Vec<_>>())?;
        Ok(files)
    }
}

/// How to fit, from the job and the command line together.
struct Plan {
    epochs: usize,
    batch_size: usize,
    shuffle: bool,
    seed: Option<u64>,
    class_weight: ClassWeight,
    verbose: Verbose,
    callbacks: Vec<JobCallback>,
}

fn run_job(job: Job, args: &TrainArgs) -> Result<()> {
    let default = PathBuf::from(format!("{}.keras", job.name));
    let files = Files::new(
        args,
        job.output.model.clone().unwrap_or(default),
        job.output.history.as_deref(),
        job.output.plot.as_deref(),
    )?;
    let device = device::set(&args.data.device)?;
    let mut data = match array_data::is_given(&args.data) {
        true => array_data::load(&args.data, Purpose::Train)?,
        false => job.data.load()?,
    };
    let seed = args.data.seed.or(job.fit.seed);
    let mut model = job.model(&data, seed)?;
    eprintln!("{data}\n\n{}Training on {device}", model.summary());
    let plan = Plan {
        epochs: args.epochs.unwrap_or(job.fit.epochs),
        batch_size: args.batch_size.unwrap_or(job.fit.batch_size),
        shuffle: job.fit.shuffle && !args.data.no_shuffle,
        seed,
        class_weight: class_weight(&args.data).unwrap_or(job.fit.class_weight),
        verbose: args.verbose.or(job.fit.verbose).map_or(Verbose::Auto, Verbose::from),
        callbacks: job.fit.callbacks,
    };
    fit_and_save(&mut model, &mut data, plan, &files, args)?;
    if args.source == "digits" && !args.no_plot {
        let plot = files.plot.as_ref().map(|plot| plot.display().to_string()).unwrap_or_default();
        eprintln!(
            "\nNext:\n  kerros evaluate {model} --data digits\n  kerros predict {model} --data \
             digits --output probabilities.npy\n  kerros train digits --print-job > mine.toml   \
             (then change layers, loss, data; kerros train mine.toml)\n  look at {plot}; begin \
             again with another --seed or more --epochs",
            model = files.model.display()
        );
    }
    Ok(())
}

fn go_on(path: &Path, args: &TrainArgs) -> Result<()> {
    let files = Files::new(args, path.to_path_buf(), None, None)?;
    let device = device::set(&args.data.device)?;
    if let Some(seed) = args.data.seed {
        kerros::set_random_seed(seed);
    }
    let mut model = summary::load(path)?;
    summary::check_compiled(&model, path)?;
    let mut data = array_data::load(&args.data, Purpose::Train)?;
    array_data::check_counts(&model, &data.train, Purpose::Train)?;
    eprintln!("{data}\n\nTraining {} on {device}", path.display());
    let plan = Plan {
        epochs: args.epochs.unwrap_or(1),
        batch_size: args.batch_size.unwrap_or(32),
        shuffle: !args.data.no_shuffle,
        seed: args.data.seed,
        class_weight: class_weight(&args.data).unwrap_or(ClassWeight::Given(Vec::new())),
        verbose: args.verbose.map_or(Verbose::Auto, Verbose::from),
        callbacks: Vec::new(),
    };
    fit_and_save(&mut model, &mut data, plan, &files, args)
}

fn class_weight(args: &DataArgs) -> Option<ClassWeight> {
    (!args.class_weight.is_empty()).then(|| ClassWeight::Given(args.class_weight.clone()))
}

/// Trains, reports, and writes the results: the model last, so that it is there only when all
/// else is.
fn fit_and_save(
    model: &mut Model,
    data: &mut Parts,
    plan: Plan,
    files: &Files,
    args: &TrainArgs,
) -> Result<()> {
    if args.explain {
        model.measure_steps();
    }
    let began = Instant::now();
    let (history, nan, callbacks) = fit(model, data, plan, args)?;
    let secs = began.elapsed().as_secs_f64();
    if args.explain {
        eprint!("{}", model.explain());
    }
    for line in callbacks.iter().filter_map(JobCallback::report) {
        eprintln!("{line}");
    }
    let epochs = history.epochs().len();
    let mut report = vec![
        format!("Trained {epochs} epoch{} in {secs:.2} s", if epochs == 1 { "" } else { "s" }),
        judged(model, data)?,
    ];
    let panels = panels::panels(&history);
    if !args.no_plot
        && let Some(curves) = terminal::draw(&panels)
    {
        report.push(format!("\n{curves}"));
    }
    report.push(format!("\n{}", diagnosis::diagnose(&history)));
    if nan.is_none() {
        // Written before anything is said: a stdout that fails must not cost the model.
        report.push(format!("\n{}", write_results(model, &history, &panels, files)?));
    }
    report.retain(|part| !part.is_empty());
    say(report.join("\n"))?;
    match nan {
        Some((epoch, batch)) => Err(Error::new(
            ErrorKind::Data,
            format!(
                "the loss is not a finite number since step {} of epoch {}",
                batch + 1,
                epoch + 1
            ),
        )
        .hint("see the diagnosis above; nothing was saved")
        .into()),
        None => Ok(()),
    }
}

type Fitted = (History, Option<(usize, usize)>, Vec<JobCallback>);

fn fit(model: &mut Model, data: &mut Parts, mut plan: Plan, args: &TrainArgs) -> Result<Fitted> {
    let class_weight = match plan.class_weight {
        ClassWeight::Given(weights) => weights,
        ClassWeight::Balanced => match data.train.targets.first() {
            Some(target) => balanced_class_weights(target)?.into_iter().collect(),
            None => Vec::new(),
        },
    };
    let mut nan = TerminateOnNaN::new();
    let mut fit = Fit::epochs(plan.epochs)
        .batch_size(plan.batch_size)
        .shuffle(plan.shuffle)
        .class_weight(class_weight)
        .verbose(plan.verbose);
    if let Some(seed) = plan.seed {
        fit = fit.seed(seed);
    }
    // A split that is asked for on the command line is cut from the rows to learn from, also
    // where a job has set rows aside already.
    match (args.data.validation_split, &data.validation) {
        (Some(share), _) => fit = fit.validation_split(share),
        (None, Some(validation)) => fit = fit.validation(validation),
        (None, None) => {}
    }
    for callback in &mut plan.callbacks {
        fit = fit.callback(callback.as_callback());
    }
    fit = fit.callback(&mut nan);
    let history = model.fit(&data.train, fit)?;
    Ok((history, nan.found(), plan.callbacks))
}

/// The result on the rows that were kept for the test; nothing when there are none.
fn judged(model: &mut Model, data: &Parts) -> Result<String> {
    let Some(test) = &data.test else { return Ok(String::new()) };
    let numbers: Vec<String> = model
        .evaluate(test)?
        .iter()
        .map(|(name, value)| format!("test {name} {value:.4}"))
        .collect();
    let mut text = numbers.join(", ");
    if data.about.classes.is_some() && test.targets.len() == 1 {
        const SHOWN: usize = 3;
        let outputs = model.predict(test)?;
        let worst = confusion::worst(&test.targets[0], &outputs)?;
        let worst = &worst[..worst.len().min(SHOWN)];
        if !worst.is_empty() {
            let lines = confusion::describe(worst, &data.about.class_names);
            text += &format!("\nhardest classes in the test:\n{}", lines.trim_end());
        }
    }
    Ok(text)
}

/// Writes the files of a run, and lists them.
fn write_results(
    model: &mut Model,
    history: &History,
    panels: &[panels::Panel],
    files: &Files,
) -> Result<String> {
    let mut written = Vec::new();
    if let Some(path) = &files.history {
        outputs::write_text(
            path,
            &outputs::json_object(history.iter().map(|(name, series)| (name, series.to_json()))),
        )?;
        written.push(format!("history: {}", path.display()));
    }
    if let Some(path) = &files.plot {
        let picture = svg::draw(panels)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("drawing curves: {error}")))?;
        outputs::write_text(path, &picture)?;
        written.push(format!("curves: {}", path.display()));
    }
    summary::save(model, &files.model)?;
    written.push(format!("model: {}", files.model.display()));
    Ok(written.join("\n"))
}
