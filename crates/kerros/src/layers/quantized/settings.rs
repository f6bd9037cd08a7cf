//! What configs say of a layer's quantization: the dtype policy and `quantization_config`.

use serde_json::{Value, json};

use super::abs_max::AbsMax;
use crate::layers::DTypePolicy;
use crate::object::{Config, ConfigReader};

/// In how many bits a table is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Bytes, with a scale for each column.
    Int8,
    /// Two numbers to a byte.
    Int4 {
        /// The blocks of the columns that have a scale and a zero each; none where a whole column
        /// has one scale.
        block: Option<usize>,
        /// The policy's own word for the blocks, `/128` or nothing.
        suffix: String,
    },
}

impl Mode {
    /// The mode of a word such as `int8`, `int4` or `int4/128`.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) fn named(word: &str) -> Result<Self, String> {
        let expected = "expected int8, int4 or int4/BLOCK";
        match word.split_once('/') {
            None if word == "int8" => Ok(Mode::Int8),
            None if word == "int4" => Ok(Mode::Int4 { block: None, suffix: String::new() }),
            Some(("int4", block)) => {
                let suffix = format!("/{block}");
                match block.parse::<usize>() {
                    Ok(block) if block > 0 => Ok(Mode::Int4 { block: Some(block), suffix }),
                    _ if block == "-1" => Ok(Mode::Int4 { block: None, suffix }),
                    _ => Err(format!("the blocks of `{word}` have no length, {expected}")),
                }
            }
            _ => Err(format!("tables quantized as `{word}` are not supported, {expected}")),
        }
    }

    /// The mode of a layer of this config; none for one of floats, or one that cannot be read.
    pub(crate) fn of_layer(config: &Config) -> Option<Self> {
        let (_, mode) = read_policy(&mut ConfigReader::new(config))?;
        Some(mode?.of_config(config.get("quantization_config")))
    }

    /// The names of what describes a table of this name, in the order of files.
    pub(crate) fn ranges(&self, table: &str) -> &'static [&'static str] {
        let all: &[&str] = match table {
            "kernel" => &["kernel_scale", "kernel_zero", "g_idx"],
            "embeddings" => &["embeddings_scale", "embeddings_zero", "g_idx"],
            "reverse_embeddings" => &["reverse_embeddings_scale", "reverse_embeddings_zero"],
            _ => return &[],
        };
        match self {
            Mode::Int4 { block: Some(_), .. } => all,
            _ => &all[..1],
        }
    }

    /// The same mode with the blocks of a `quantization_config`, which count where it is one of
    /// `int4`.
    pub(super) fn of_config(self, config: Option<&Value>) -> Self {
        let is_int4 = |config: &&Value| config["class_name"] == "Int4QuantizationConfig";
        match (self, config.filter(is_int4)) {
            (Mode::Int4 { suffix, .. }, Some(config)) => {
                let block = config["config"].get("block_size").and_then(Value::as_u64);
                Mode::Int4 { block: block.map(|block| block as usize), suffix }
            }
            (mode, _) => mode,
        }
    }

    /// The mode's word in policies.
    pub(super) fn word(&self) -> String {
        match self {
            Mode::Int8 => "int8".to_owned(),
            Mode::Int4 { suffix, .. } => format!("int4{suffix}"),
        }
    }

    /// Checks that it goes with the policy that a layer has otherwise.
    pub(super) fn check(&self, source: DTypePolicy) -> Result<(), String> {
        let is_half = matches!(source, DTypePolicy::Float16 | DTypePolicy::MixedFloat16);
        match *self == Mode::Int8 && is_half {
            true => Err(format!("int8 does not go with {}, in Keras either", source.name())),
            false => Ok(()),
        }
    }

    /// The policy as Keras serializes it.
    pub(super) fn policy(&self, source: DTypePolicy) -> Value {
        let word = self.word();
        let class = if word.contains('/') { "Int4DTypePolicy" } else { "QuantizedDTypePolicy" };
        json!({
            "module": "keras.dtype_policies",
            "class_name": class,
            "config": {"mode": word, "source_name": source.name()},
            "registered_name": null,
        })
    }
}

/// The policy that a quantized layer has beside its quantization, and its mode; none for a `dtype`
/// that says nothing of quantization. What is not supported is noted, without a mode.
pub(super) fn read_policy(reader: &mut ConfigReader<'_>) -> Option<(DTypePolicy, Option<Mode>)> {
    let dtype = reader.value("dtype")?;
    let (word, source) = words(dtype)?;
    let found = Mode::named(&word).and_then(|mode| {
        let source = match source {
            None => DTypePolicy::default(),
            Some(name) => DTypePolicy::of(&json!(name))
                .ok_or_else(|| format!("`{name}` is no policy that a layer had before"))?,
        };
        mode.check(source)?;
        Ok((source, Some(mode)))
    });
    Some(found.unwrap_or_else(|why| {
        reader.refuse(format!("`dtype`: {why}"));
        (DTypePolicy::default(), None)
    }))
}

/// Mode and source of a quantized policy: an object, or a name such as `int8_from_float32`.
fn words(dtype: &Value) -> Option<(String, Option<String>)> {
    if let Some((mode, source)) = dtype.as_str().and_then(|name| name.split_once("_from_")) {
        return Some((mode.to_owned(), Some(source.to_owned())));
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let config = dtype.get("config")?;
    let mode = text(config.get("mode")?)?;
    Some((mode, config.get("source_name").and_then(text)))
}

/// `quantization_config` as it is written, and how it has inputs rounded. What is not supported is
/// noted.
pub(super) fn read_config(reader: &mut ConfigReader<'_>) -> Option<(Value, Option<AbsMax>)> {
    let value = reader.value("quantization_config")?;
    match quantizers(value) {
        Ok(inputs) => Some((without_identities(value), inputs)),
        Err(why) => {
            reader.refuse(format!("`quantization_config`: {why}"));
            None
        }
    }
}

fn quantizers(value: &Value) -> Result<Option<AbsMax>, String> {
    let class = value.get("class_name").and_then(Value::as_str).unwrap_or_default();
    if !["Int8QuantizationConfig", "Int4QuantizationConfig"].contains(&class) {
        let expected = "expected Int8QuantizationConfig or Int4QuantizationConfig";
        return Err(format!("`{class}` is not supported, {expected}"));
    }
    let config = value.get("config").and_then(Value::as_object);
    let config = config.ok_or_else(|| format!("`{class}` has no `config`"))?;
    let quantizer = |name: &str| match config.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => AbsMax::read(value).map(Some),
    };
    let block = config.get("block_size").filter(|block| !block.is_null());
    if let Some(block) =
        block.filter(|block| block.as_i64().is_none_or(|block| block < -1 || block == 0))
    {
        return Err(format!("`block_size` is {block}, expected a number above 0, -1 or null"));
    }
    quantizer("weight_quantizer")?;
    let inputs = quantizer("activation_quantizer")?;
    match inputs.as_ref().is_none_or(AbsMax::is_of_rows) {
        true => Ok(inputs),
        false => Err("inputs are rounded along another axis than their last".to_owned()),
    }
}

/// An object without the numbers by which Keras knows objects that it has met before.
fn without_identities(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| *key != "shared_object_id")
            .map(|(key, value)| (key.clone(), without_identities(value)))
            .collect(),
        Value::Array(list) => list.iter().map(without_identities).collect(),
        value => value.clone(),
    }
}

/// The `quantization_config` that Keras gives a layer with a mode alone.
pub(super) fn default_config(mode: &Mode) -> Value {
    let object = |class: &str, config: Value| {
        json!({
            "module": "keras.quantizers",
            "class_name": class,
            "config": config,
            "registered_name": null,
        })
    };
    match mode {
        Mode::Int8 => {
            let range =
                json!({"value_range": [-127, 127], "epsilon": 1e-7, "output_dtype": "int8"});
            let inputs = object("AbsMaxQuantizer", range);
            let config = json!({"weight_quantizer": null, "activation_quantizer": inputs});
            object("Int8QuantizationConfig", config)
        }
        Mode::Int4 { block, .. } => {
            let config = json!({
                "weight_quantizer": null,
                "activation_quantizer": null,
                "block_size": block,
            });
            object("Int4QuantizationConfig", config)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_the_mode_or_why_there_is_none() {
        let int4 = |block, suffix: &str| Mode::Int4 { block, suffix: suffix.into() };
        assert_eq!(Mode::named("int8"), Ok(Mode::Int8));
        assert_eq!(Mode::named("int4"), Ok(int4(None, "")));
        assert_eq!(Mode::named("int4/-1"), Ok(int4(None, "/-1")));
        assert_eq!(Mode::named("int4/64"), Ok(int4(Some(64), "/64")));
        for bad in ["int4/0", "int4/", "int4/-2", "float8", "gptq/4/128", "awq/4/128", "int8/3"] {
            let why = Mode::named(bad).unwrap_err();
            assert!(why.contains(bad) && why.contains("expected int8"), "{why}");
        }
    }
}
