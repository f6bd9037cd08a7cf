use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::{MeanMetric, Metric, REGISTRY};
use crate::losses::settings::{FloatType, Setting, read_setting};
use crate::losses::{self, Loss, Targets};
use crate::object::{Config, ConfigReader, Described, Entry};

/// The mean of a loss's values per sample, under a name: any loss as a metric.
///
/// Keras wraps functions, which have the loss's own arguments; the reduction of the loss has
/// no meaning here.
///
/// # Example
/// ```
/// use kerros::losses::Huber;
/// use kerros::metrics::{MeanMetricWrapper, Metric};
/// let metric = MeanMetricWrapper::new(Huber::new().delta(0.5)).name("robust");
/// assert_eq!(Metric::name(&metric), "robust");
/// ```
#[derive(Clone, Debug)]
pub struct MeanMetricWrapper {
    name: String,
    dtype: FloatType,
    loss: Arc<dyn Loss>,
}

impl MeanMetricWrapper {
    /// The mean of this loss, under the loss's name.
    pub fn new(loss: impl Loss + 'static) -> Self {
        let name = loss.name().into();
        MeanMetricWrapper { name, dtype: FloatType::default(), loss: Arc::new(loss) }
    }

    /// Sets the name in histories.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The mean of the loss that Keras has as this function, with these arguments of it.
    fn of_function(
        name: String,
        dtype: FloatType,
        function: &str,
        arguments: &Config,
    ) -> Result<Self> {
        let entry = losses::REGISTRY.find(function)?;
        let mut reader = ConfigReader::new(arguments);
        let loss = (entry.from_config)(&mut reader);
        reader.finish()?;
        Ok(MeanMetricWrapper { name, dtype, loss: loss? })
    }

    /// Reads a wrapper of the function that `fn` names, or of `function`.
    pub(super) fn read(
        reader: &mut ConfigReader<'_>,
        function: Option<&'static str>,
    ) -> Result<Arc<dyn Metric>> {
        let default = function.unwrap_or("mean_metric_wrapper").to_string();
        let name = read_setting(reader, "name", default);
        let dtype = read_setting(reader, "dtype", FloatType::default());
        let wrapped = match (function, reader.value("fn")) {
            (Some(function), _) => function,
            (None, Some(value)) => function_name(value).ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, format!("`fn` is {value}"))
                    .expected("a function of keras.losses or keras.metrics")
            })?,
            (None, None) => {
                return Err(Error::new(ErrorKind::Argument, "`fn` is missing")
                    .expected("a function of keras.losses or keras.metrics"));
            }
        };
        let mut arguments = reader.rest();
        match losses::REGISTRY.find(wrapped) {
            Ok(_) => Ok(Arc::new(Self::of_function(name, dtype, wrapped, &arguments)?)),
            // Functions such as `binary_accuracy` are metrics of their own.
            Err(_) => {
                arguments.insert("name".into(), name.into());
                arguments.insert("dtype".into(), dtype.write());
                REGISTRY.deserialize(&json!({"class_name": wrapped, "config": arguments}))
            }
        }
    }

    pub(super) const ENTRY: Entry<dyn Metric> = Entry {
        class_name: "MeanMetricWrapper",
        names: &[],
        summary: "mean of any loss",
        from_config: |reader| MeanMetricWrapper::read(reader, None),
    };
}

/// The registry's line of a loss that Keras has as a function only, where a metric is wanted.
macro_rules! entry {
    ($function:literal) => {
        $crate::object::Entry {
            class_name: $function,
            names: &[],
            summary: "mean of the loss of this name",
            from_config: |reader| MeanMetricWrapper::read(reader, Some($function)),
        }
    };
}
pub(super) use entry;

/// Keras's name of the function that is this loss: most often the loss's own by default.
fn function_of(loss: &dyn Loss) -> String {
    let class = loss.class_name();
    let (Ok(entry), Ok(by_default)) = (losses::REGISTRY.find(class), losses::REGISTRY.named(class))
    else {
        return loss.name().into();
    };
    // `huber_loss` is the class's name, `huber` the function's.
    let name = by_default.name();
    let short = name.strip_suffix("_loss").unwrap_or(name);
    let known = [short, name].into_iter().find(|name| entry.names.contains(name));
    known.or(entry.names.last().copied()).unwrap_or(name).into()
}

/// The name in `"huber"` or `{"class_name": "function", "config": "huber"}`.
fn function_name(value: &Value) -> Option<&str> {
    let is_function = value.get("class_name").and_then(Value::as_str) == Some("function");
    value.as_str().or_else(|| value.get("config").filter(|_| is_function)?.as_str())
}

impl Described for MeanMetricWrapper {
    fn class_name(&self) -> &'static str {
        "MeanMetricWrapper"
    }

    fn config(&self) -> Config {
        let mut arguments = self.loss.config();
        for of_loss in ["name", "reduction"] {
            arguments.shift_remove(of_loss);
        }
        let function = json!({
            "module": "builtins",
            "class_name": "function",
            "config": function_of(&*self.loss),
            "registered_name": "function",
        });
        let mut config = Config::new();
        config.insert("name".into(), self.name.write());
        config.insert("dtype".into(), self.dtype.write());
        config.insert("fn".into(), function);
        config.extend(arguments);
        config
    }
}

impl MeanMetric for MeanMetricWrapper {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        self.loss.targets()
    }

    fn check(&self) -> Result<()> {
        self.loss.check()
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        self.loss.call(y_true, y_pred)
    }

    fn mask<'g>(&self, y_true: Node<'g>, values: Node<'g>) -> Option<Node<'g>> {
        self.loss.mask(y_true, values)
    }
}
