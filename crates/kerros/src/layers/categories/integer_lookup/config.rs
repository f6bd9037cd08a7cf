//! The layer's config, as Keras writes it.

use std::sync::Arc;

use kerros_core::Result;
use serde_json::{Value, json};

use super::IntegerLookup;
use crate::layers::categories::{OutputMode, refuse_sparse};
use crate::layers::options::refuse_given;
use crate::layers::{Layer, Options};
use crate::object::{Config, ConfigReader, Described};

impl Described for IntegerLookup {
    fn class_name(&self) -> &'static str {
        "IntegerLookup"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let size = self.vocabulary.as_ref().map(|_| self.size());
        for (name, value) in [
            ("invert", json!(self.invert)),
            ("max_tokens", json!(self.max_tokens)),
            ("num_oov_indices", json!(self.num_oov_indices)),
            ("oov_token", json!(self.oov_token)),
            ("mask_token", json!(self.mask_token)),
            ("output_mode", json!(self.output_mode.name())),
            ("sparse", json!(false)),
            ("pad_to_max_tokens", json!(self.pad_to_max_tokens)),
            ("vocabulary_dtype", json!("int64")),
            ("idf_weights", Value::Null),
            ("vocabulary", json!(self.vocabulary)),
            ("vocabulary_size", json!(size)),
            ("oov_method", json!("floormod")),
            ("salt", Value::Null),
        ] {
            config.insert(name.into(), value);
        }
        config
    }
}

pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let start =
        IntegerLookup { options: Options::read(reader)?, ..IntegerLookup::without_vocabulary() };
    let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
    let vocabulary = match reader.value("vocabulary") {
        None => {
            reader.refuse(
                "`vocabulary` is null, expected a list: a vocabulary that `adapt` found is not in \
                 the config",
            );
            None
        }
        Some(value) => {
            let list = value.as_array().map(|list| list.iter().map(number).collect());
            if list.is_none() || list == Some(None) {
                reader.refuse("`vocabulary` is no list of numbers from -2^31 to 2^31 - 1");
            }
            list.flatten()
        }
    };
    let mut token = |name: &str, default: Option<i32>| match reader.given(name) {
        None => default,
        Some(Value::Null) => None,
        Some(value) => {
            let read = number(value);
            if read.is_none() {
                reader.refuse(format!("`{name}` is {value}, expected a whole number"));
            }
            read
        }
    };
    let (mask_token, oov_token) = (token("mask_token", None), token("oov_token", Some(-1)));
    let layer = IntegerLookup {
        vocabulary,
        mask_token,
        oov_token,
        num_oov_indices: reader.maybe_usize("num_oov_indices").unwrap_or(1),
        max_tokens: reader.maybe_usize("max_tokens"),
        output_mode: OutputMode::read(reader).unwrap_or(OutputMode::Int),
        pad_to_max_tokens: reader.bool("pad_to_max_tokens", false),
        invert: reader.bool("invert", false),
        options: start.options,
    };
    refuse_sparse(reader);
    refuse_given(reader, &["idf_weights", "salt"]);
    for (name, only) in [("vocabulary_dtype", "int64"), ("oov_method", "floormod")] {
        if let Some(other) = reader.maybe_string(name).filter(|value| value != only) {
            reader.refuse(format!("`{name}` is {other}, expected {only}"));
        }
    }
    reader.ignore(&["vocabulary_size", "has_input_vocabulary"]);
    layer.check()?;
    Ok(Arc::new(layer))
}
