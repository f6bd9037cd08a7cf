//! `kerros train`: a job, or a saved model that goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use kerros::callbacks::{BackupAndRestore, TerminateOnNaN};
use kerros::data::balanced_class_weights;
use kerros::{Error, ErrorKind, Fit, History, Model, Verbose};

use crate::args::TrainArgs;
use crate::array_data::{self, Purpose};
use crate::data::Parts;
use crate::job::{self, ClassWeight, FitSpec, Job, JobCallback};
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
    fit: FitSpec,
    seed: Option<u64>,
    verbose: Verbose,
}

impl Plan {
    /// What a job says, or nothing; the command line has the last word.
    fn new(mut fit: FitSpec, args: &TrainArgs) -> Self {
        fit.epochs = args.epochs.unwrap_or(fit.epochs);
        fit.batch_size = args.batch_size.unwrap_or(fit.batch_size);
        fit.shuffle &= !args.data.no_shuffle;
        if !args.data.class_weight.is_empty() {
            fit.class_weight = ClassWeight::Given(args.data.class_weight.clone());
        }
        fit.callbacks.extend(args.checkpoint.as_deref().map(JobCallback::checkpoint));
        fit.callbacks.extend(args.tensorboard.as_deref().map(JobCallback::tensor_board));
        fit.callbacks.extend(args.backup.as_deref().map(JobCallback::backup));
        let seed = args.data.seed.or(fit.seed);
        let verbose = args.verbose.or(fit.verbose).map_or(Verbose::Auto, Verbose::from);
        Plan { fit, seed, verbose }
    }
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
    let plan = Plan::new(job.fit, args);
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
    let plan = Plan::new(FitSpec { epochs: 1, ..FitSpec::default() }, args);
    fit_and_save(&mut model, &mut data, plan, &files, args)
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
    let Fitted { history, nan, callbacks, finished } = fit(model, data, plan, args)?;
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
    // A backup stays until there is nothing to lose.
    finished.iter().try_for_each(BackupAndRestore::remove)?;
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

/// What a run leaves.
struct Fitted {
    history: History,
    /// The epoch and batch of the first loss that was no finite number.
    nan: Option<(usize, usize)>,
    callbacks: Vec<JobCallback>,
    /// The backups to remove.
    finished: Vec<BackupAndRestore>,
}

fn fit(model: &mut Model, data: &mut Parts, plan: Plan, args: &TrainArgs) -> Result<Fitted> {
    let Plan { fit: mut spec, seed, verbose } = plan;
    let class_weight = match spec.class_weight {
        ClassWeight::Given(weights) => weights,
        ClassWeight::Balanced => match data.train.targets.first() {
            Some(target) => balanced_class_weights(target)?.into_iter().collect(),
            None => Vec::new(),
        },
    };
    let mut nan = TerminateOnNaN::new();
    let mut fit = Fit::epochs(spec.epochs)
        .batch_size(spec.batch_size)
        .shuffle(spec.shuffle)
        .class_weight(class_weight)
        .validation_freq(spec.validation_freq)
        .initial_epoch(spec.initial_epoch)
        .verbose(verbose);
    if let Some(seed) = seed {
        fit = fit.seed(seed);
    }
    if let Some(steps) = spec.steps_per_epoch {
        fit = fit.steps_per_epoch(steps);
    }
    if let Some(steps) = spec.validation_steps {
        fit = fit.validation_steps(steps);
    }
    if let Some(rows) = spec.validation_batch_size {
        fit = fit.validation_batch_size(rows);
    }
    // A split that is asked for on the command line is cut from the rows to learn from, also
    // where a job has set rows aside already.
    match (args.data.validation_split, &data.validation) {
        (Some(share), _) => fit = fit.validation_split(share),
        (None, Some(validation)) => fit = fit.validation(validation),
        (None, None) => {}
    }
    let mut finished = Vec::new();
    for callback in &mut spec.callbacks {
        if let Some(backup) = callback.as_callback().as_backup()
            && backup.keep_at_the_end()
        {
            finished.push(backup.clone());
        }
        fit = fit.callback(callback.as_callback());
    }
    fit = fit.callback(&mut nan);
    let history = model.fit(&data.train, fit)?;
    Ok(Fitted { history, nan: nan.found(), callbacks: spec.callbacks, finished })
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
