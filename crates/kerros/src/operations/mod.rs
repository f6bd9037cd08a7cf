//! `keras.ops` in functional models: operations between layers, which have no weights.
//!
//! In Rust they are written as mathematics on [`KerasTensor`](crate::model::KerasTensor):
//! `&a + &b`, `x.reshape([-1, 4])`, [`ops::mean`]`(&x, 1)`. In files they stand beside layers,
//! each under its class of Keras.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use crate::layers::{Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described};

mod activation;
mod arithmetic;
mod attention;
mod bits;
mod comparison;
mod constants;
mod contraction;
mod convolution;
mod crossentropy;
mod diagonal;
mod division;
mod divisors;
mod elementwise;
mod factors;
mod folds;
mod fourier;
mod get_item;
mod image;
mod index;
mod join;
mod kind;
mod layered;
mod linear_algebra;
mod missing;
mod normalization;
pub mod ops;
mod patches;
mod products;
mod quantiles;
mod reduction;
mod sampling;
mod scatter;
mod segments;
mod sequences;
mod shape;
mod special;
mod tensor;
mod trigonometry;
mod value;
mod whole_products;

pub(crate) use constants::{is_array, tensor as constant, value as array};
pub(crate) use join::alike;
use kind::{Kind, Operands};
pub(crate) use trigonometry::arctan2;
pub(crate) use whole_products::matmul_with;

/// All operations, family by family.
static FAMILIES: &[&[Kind]] = &[
    arithmetic::KINDS,
    division::KINDS,
    bits::KINDS,
    divisors::KINDS,
    special::KINDS,
    elementwise::KINDS,
    elementwise::math::KINDS,
    trigonometry::KINDS,
    layered::KINDS,
    layered::image::KINDS,
    patches::KINDS,
    patches::image::KINDS,
    patches::math::KINDS,
    image::KINDS,
    comparison::KINDS,
    comparison::math::KINDS,
    reduction::KINDS,
    reduction::math::KINDS,
    reduction::nn::KINDS,
    reduction::linalg::KINDS,
    missing::KINDS,
    quantiles::KINDS,
    segments::KINDS,
    shape::KINDS,
    diagonal::KINDS,
    join::KINDS,
    join::core::KINDS,
    get_item::KINDS,
    scatter::KINDS,
    contraction::KINDS,
    products::KINDS,
    products::math::KINDS,
    convolution::KINDS,
    folds::KINDS,
    linear_algebra::KINDS,
    linear_algebra::numpy::KINDS,
    linear_algebra::math::KINDS,
    factors::KINDS,
    fourier::KINDS,
    sampling::KINDS,
    attention::KINDS,
    activation::KINDS,
    activation::functions::KINDS,
    index::KINDS,
    index::math::KINDS,
    index::nn::KINDS,
    value::KINDS,
    value::core::KINDS,
    normalization::KINDS,
    crossentropy::KINDS,
    sequences::KINDS,
];

/// The modules of Keras that hold operations, and what they are called below `keras.src`.
const MODULES: [(&str, &str); 7] = [
    ("keras.src.ops.numpy", "ops.numpy"),
    ("keras.src.ops.nn", "ops.nn"),
    ("keras.src.ops.core", "ops.core"),
    ("keras.src.ops.math", "ops.math"),
    ("keras.src.ops.linalg", "ops.linalg"),
    ("keras.src.ops.image", "ops.image"),
    ("keras.src.activations.activations", "activations.activations"),
];

/// Whether a serialized object is an operation, by its module.
pub(crate) fn is_operation(module: &str) -> bool {
    module.starts_with("keras.src.ops.") || MODULES.iter().any(|(known, _)| *known == module)
}

/// The module of the operation of this class, if there is one such class.
pub(crate) fn module_of(class_name: &str) -> Option<&'static str> {
    let all = || FAMILIES.iter().flat_map(|family| family.iter());
    let below = all().find(|kind| kind.class_name == class_name)?.module;
    MODULES.iter().find(|(_, known)| *known == below).map(|(module, _)| *module)
}

/// An operation with its settings: a step of a functional model.
#[derive(Clone)]
pub(crate) struct Operation {
    options: Options,
    kind: &'static Kind,
    config: Config,
}

impl Operation {
    /// The operation of this class with these settings, and Keras's defaults for others.
    /// `module` is below `keras.src`.
    ///
    /// # Errors
    /// An unknown class; a setting that is missing, or unknown.
    #[track_caller]
    pub(crate) fn new(module: &str, class_name: &str, settings: &Config) -> Result<Self> {
        let mut all = FAMILIES.iter().flat_map(|family| family.iter());
        let found = all.find(|kind| kind.class_name == class_name && kind.module == module);
        let kind = found.ok_or_else(|| {
            Error::new(ErrorKind::UnknownName, format!("unknown operation `{module}.{class_name}`"))
                .expected("an operation of keras.ops that Kerros has")
                .hint("write it with others, or as a layer of your own")
        })?;
        let mut reader = ConfigReader::new(settings);
        let name = reader.maybe_string("name");
        let mut config = Config::new();
        for &(setting, default) in kind.settings {
            let value = match (reader.value(setting), default) {
                (Some(value), _) => value.clone(),
                (None, "!") => {
                    reader.refuse(format!("`{setting}` is missing"));
                    Value::Null
                }
                (None, _) if reader.is_null(setting) => Value::Null,
                (None, default) => serde_json::from_str(default).unwrap_or_default(),
            };
            config.insert(setting.into(), value);
        }
        reader.finish().map_err(|error| error.context(format!("operation {class_name}")))?;
        let options = Options { name, ..Options::here() };
        Ok(Operation { options, kind, config })
    }
}

/// Reads an operation as Keras serializes it.
///
/// # Errors
/// As [`Operation::new`].
pub(crate) fn deserialize(value: &Value) -> Result<Arc<dyn Layer>> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let module = text("module").strip_prefix("keras.src.").unwrap_or_default();
    let none = Config::new();
    let config = value.get("config").and_then(Value::as_object).unwrap_or(&none);
    Ok(Arc::new(Operation::new(module, text("class_name"), config)?))
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.kind.class_name, self.config)
    }
}

impl Described for Operation {
    fn class_name(&self) -> &'static str {
        self.kind.class_name
    }

    fn config(&self) -> Config {
        // Keras writes the name first.
        let name = ("name".to_string(), json!(self.options.name));
        std::iter::once(name).chain(self.config.clone()).collect()
    }
}

impl Layer for Operation {
    fn options(&self) -> &Options {
        &self.options
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.kind.parameters
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        (self.kind.apply)(&Operands { call, inputs, config: &self.config })
    }

    fn module(&self) -> &'static str {
        let own = MODULES.iter().find(|(_, below)| *below == self.kind.module);
        own.map_or("keras.src.ops.numpy", |(module, _)| module)
    }

    fn is_operation(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_class_is_listed_twice_and_defaults_are_json() {
        let mut seen = Vec::new();
        for kind in FAMILIES.iter().flat_map(|family| family.iter()) {
            assert!(!seen.contains(&(kind.module, kind.class_name)), "{}", kind.class_name);
            seen.push((kind.module, kind.class_name));
            for (name, default) in kind.settings {
                let is_json = serde_json::from_str::<Value>(default).is_ok();
                assert!(*default == "!" || is_json, "{}: {name}", kind.class_name);
            }
            assert!(MODULES.iter().any(|(_, below)| *below == kind.module));
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let error = Operation::new("ops.numpy", "Nonzero", &Config::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownName);
        let error = Operation::new("ops.numpy", "Reshape", &Config::new()).unwrap_err();
        assert!(error.to_string().contains("`newshape` is missing"), "{error}");
    }
}
