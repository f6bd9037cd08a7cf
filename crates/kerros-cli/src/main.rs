//! The program `kerros`: train, evaluate, predict and look at models from the command line.
//!
//! Results go to stdout, progress and messages to stderr. The exit status is 0 on success, 2
//! when the command line is wrong, 1 for every other failure.
#![forbid(unsafe_code)]

mod args;
mod array_data;
mod convert;
mod data;
mod datasets;
mod device;
mod evaluate;
mod job;
mod messages;
mod outputs;
mod predict;
mod report;
mod summary;
mod train;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Verb};

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Train(args) => train::run(&args),
        Verb::Evaluate(args) => evaluate::run(&args),
        Verb::Predict(args) => predict::run(&args),
        Verb::Summary(args) => summary::run(&args),
        Verb::Convert(args) => convert::run(&args),
        Verb::Datasets => datasets::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", messages::text(&error));
            ExitCode::from(messages::exit_status(&error))
        }
    }
}
