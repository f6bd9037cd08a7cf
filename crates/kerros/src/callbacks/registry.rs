//! The list of callbacks: what help, docs and job files go by.

use kerros_core::{Error, ErrorKind, Result};

use super::{
    BackupAndRestore, CSVLogger, Callback, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau,
    StopAtLoss, SwapEMAWeights, TensorBoard, TerminateOnNaN,
};
use crate::object::{Config, ConfigReader};

/// A callback by itself.
pub type Boxed = Box<dyn Callback + Send>;

/// One line of the list.
pub struct CallbackEntry {
    /// The class name, Keras's where Keras has it.
    pub class_name: &'static str,
    /// One line for help and docs.
    pub summary: &'static str,
    /// Keras's names of its arguments.
    pub arguments: &'static [&'static str],
    /// Builds it from its arguments; `None` for one that is made of functions, or that `fit`
    /// adds by itself.
    pub from_config: Option<fn(&mut ConfigReader<'_>) -> Boxed>,
}

/// The callbacks, in the order in which they are listed to people.
pub static LIST: &[CallbackEntry] = &[
    CallbackEntry {
        class_name: "EarlyStopping",
        summary: "stops when a number has not become better for some epochs",
        arguments: &[
            "monitor",
            "min_delta",
            "patience",
            "verbose",
            "mode",
            "baseline",
            "restore_best_weights",
            "start_from_epoch",
        ],
        from_config: Some(|reader| Box::new(EarlyStopping::from_config(reader))),
    },
    CallbackEntry {
        class_name: "ModelCheckpoint",
        summary: "saves the model as training goes on, always or when it is better",
        arguments: &[
            "filepath",
            "monitor",
            "verbose",
            "save_best_only",
            "save_weights_only",
            "mode",
            "save_freq",
            "initial_value_threshold",
        ],
        from_config: Some(|reader| Box::new(ModelCheckpoint::from_config(reader))),
    },
    CallbackEntry {
        class_name: "BackupAndRestore",
        summary: "keeps a backup of the run; the same run goes on from there",
        arguments: &["backup_dir", "save_freq", "double_checkpoint", "delete_checkpoint"],
        from_config: Some(|reader| Box::new(BackupAndRestore::from_config(reader))),
    },
    CallbackEntry {
        class_name: "ReduceLROnPlateau",
        summary: "makes the learning rate smaller when a number has not become better",
        arguments: &[
            "monitor",
            "factor",
            "patience",
            "verbose",
            "mode",
            "min_delta",
            "cooldown",
            "min_lr",
        ],
        from_config: Some(|reader| Box::new(ReduceLROnPlateau::from_config(reader))),
    },
    CallbackEntry {
        class_name: "LearningRateScheduler",
        summary: "sets the learning rate before each epoch by a function",
        arguments: &["schedule", "verbose"],
        from_config: None,
    },
    CallbackEntry {
        class_name: "TensorBoard",
        summary: "writes loss, metrics and weights for TensorBoard",
        arguments: &[
            "log_dir",
            "histogram_freq",
            "write_graph",
            "write_steps_per_second",
            "update_freq",
        ],
        from_config: Some(|reader| Box::new(TensorBoard::from_config(reader))),
    },
    CallbackEntry {
        class_name: "CSVLogger",
        summary: "writes the numbers of every epoch to a CSV file",
        arguments: &["filename", "separator", "append"],
        from_config: Some(|reader| Box::new(CSVLogger::from_config(reader))),
    },
    CallbackEntry {
        class_name: "TerminateOnNaN",
        summary: "stops at a loss that is no finite number",
        arguments: &["raise_error"],
        from_config: Some(|reader| Box::new(TerminateOnNaN::from_config(reader))),
    },
    CallbackEntry {
        class_name: "SwapEMAWeights",
        summary: "evaluates the model with the moving averages of its weights",
        arguments: &["swap_on_epoch"],
        from_config: Some(|reader| Box::new(SwapEMAWeights::from_config(reader))),
    },
    CallbackEntry {
        class_name: "StopAtLoss",
        summary: "stops when the loss is small enough; Keras has none",
        arguments: &["threshold", "monitor"],
        from_config: Some(|reader| Box::new(StopAtLoss::from_config(reader))),
    },
    #[cfg(feature = "remote-monitor")]
    CallbackEntry {
        class_name: "RemoteMonitor",
        summary: "sends the numbers of every epoch to a server",
        arguments: &["root", "path", "field", "headers", "send_as_json"],
        from_config: Some(|reader| Box::new(super::RemoteMonitor::from_config(reader))),
    },
    CallbackEntry {
        class_name: "LambdaCallback",
        summary: "calls functions of your own",
        arguments: &[],
        from_config: None,
    },
    CallbackEntry {
        class_name: "ProgbarLogger",
        summary: "shows progress; `fit` adds one",
        arguments: &[],
        from_config: None,
    },
    CallbackEntry {
        class_name: "History",
        summary: "keeps the numbers of every epoch; `fit` adds one and returns it",
        arguments: &[],
        from_config: None,
    },
];

/// The entry of this name.
///
/// # Errors
/// [`ErrorKind::UnknownName`] with the names there are; [`ErrorKind::Unsupported`] for what
/// needs the feature `remote-monitor`.
pub fn find(class_name: &str) -> Result<&'static CallbackEntry> {
    if let Some(entry) = LIST.iter().find(|entry| entry.class_name == class_name) {
        return Ok(entry);
    }
    if class_name == "RemoteMonitor" {
        return Err(Error::new(ErrorKind::Unsupported, "RemoteMonitor is not built in")
            .expected("the cargo feature `remote-monitor`"));
    }
    let names: Vec<&str> = LIST.iter().map(|entry| entry.class_name).collect();
    Err(Error::new(ErrorKind::UnknownName, format!("unknown callback `{class_name}`"))
        .expected(format!("one of: {}", names.join(", "))))
}

impl CallbackEntry {
    /// The callback with these arguments, by Keras's names; those that are absent take Keras's
    /// defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a callback that is made of functions, and for arguments
    /// that are unknown or wrong, all at once.
    pub fn build(&self, config: &Config) -> Result<Boxed> {
        let Some(from_config) = self.from_config else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{} cannot be made from text", self.class_name),
            )
            .expected("a callback without functions of your own"));
        };
        let mut reader = ConfigReader::new(config);
        let callback = from_config(&mut reader);
        reader.finish().map_err(|error| {
            error
                .expected(format!("some of: {}", self.arguments.join(", ")))
                .context(format!("callback {}", self.class_name))
        })?;
        Ok(callback)
    }
}

impl std::fmt::Debug for CallbackEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CallbackEntry").field(&self.class_name).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Values that each argument takes.
    fn argument(name: &str) -> serde_json::Value {
        match name {
            "mode" => json!("max"),
            "save_freq" | "update_freq" => json!(2),
            "separator" => json!(";"),
            "headers" => json!({"X": "y"}),
            "monitor" | "filepath" | "filename" | "backup_dir" | "log_dir" | "root" | "path"
            | "field" => json!("text"),
            "restore_best_weights"
            | "save_best_only"
            | "save_weights_only"
            | "append"
            | "raise_error"
            | "swap_on_epoch"
            | "double_checkpoint"
            | "delete_checkpoint"
            | "write_graph"
            | "write_steps_per_second"
            | "send_as_json" => json!(true),
            "verbose" => json!(1),
            "baseline"
            | "min_delta"
            | "factor"
            | "min_lr"
            | "threshold"
            | "initial_value_threshold" => json!(0.5),
            _ => json!(3),
        }
    }

    #[test]
    fn every_callback_takes_the_arguments_that_it_names_and_no_other() {
        for entry in LIST.iter().filter(|entry| entry.from_config.is_some()) {
            let mut config = Config::new();
            for name in entry.arguments {
                config.insert((*name).into(), argument(name));
            }
            let callback = entry.build(&config).unwrap();
            assert_eq!(callback.class_name(), entry.class_name);
            config.insert("mystery".into(), json!(1));
            let text = entry.build(&config).err().unwrap().to_string();
            assert!(text.contains("unknown argument `mystery`"), "{text}");
        }
        assert!(find("LambdaCallback").unwrap().build(&Config::new()).is_err());
        assert_eq!(find("Mystery").unwrap_err().kind(), ErrorKind::UnknownName);
    }

    #[test]
    fn required_arguments_are_asked_for() {
        for (name, argument) in [
            ("ModelCheckpoint", "filepath"),
            ("BackupAndRestore", "backup_dir"),
            ("CSVLogger", "filename"),
            ("StopAtLoss", "threshold"),
        ] {
            let text = find(name).unwrap().build(&Config::new()).err().unwrap().to_string();
            assert!(text.contains(&format!("`{argument}` is missing")), "{text}");
        }
    }
}
