//! In which precision a layer counts, for Keras.

use serde_json::{Value, json};

use crate::object::{Config, ConfigReader};

/// A layer's dtype policy (mixed precision), as Keras spells it: in what its weights are kept and
/// in what it computes.
///
/// Kerros keeps and computes everything in `float32`. A model of another policy is loaded and
/// trained so, which is at least as exact for the 16-bit ones, and goes back to Keras with its
/// policy.
///
/// Source: `keras.DTypePolicy`, version 3.15; Micikevicius et al., *Mixed Precision Training*,
/// 2018.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DTypePolicy {
    /// Both `float32`.
    #[default]
    Float32,
    /// Weights in `float32`, computed in `float16`.
    MixedFloat16,
    /// Weights in `float32`, computed in `bfloat16`.
    MixedBfloat16,
    /// Both `float16`.
    Float16,
    /// Both `bfloat16`.
    Bfloat16,
    /// Both `float64`.
    Float64,
}

impl DTypePolicy {
    /// All of them.
    pub const ALL: [DTypePolicy; 6] = [
        DTypePolicy::Float32,
        DTypePolicy::MixedFloat16,
        DTypePolicy::MixedBfloat16,
        DTypePolicy::Float16,
        DTypePolicy::Bfloat16,
        DTypePolicy::Float64,
    ];

    /// Keras's name.
    ///
    /// ```
    /// use kerros::layers::DTypePolicy;
    /// assert_eq!(DTypePolicy::MixedFloat16.name(), "mixed_float16");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            DTypePolicy::Float32 => "float32",
            DTypePolicy::MixedFloat16 => "mixed_float16",
            DTypePolicy::MixedBfloat16 => "mixed_bfloat16",
            DTypePolicy::Float16 => "float16",
            DTypePolicy::Bfloat16 => "bfloat16",
            DTypePolicy::Float64 => "float64",
        }
    }

    /// The type that Keras keeps weights in.
    pub const fn variable_dtype(self) -> &'static str {
        match self {
            DTypePolicy::MixedFloat16 | DTypePolicy::MixedBfloat16 => "float32",
            whole => whole.name(),
        }
    }

    /// The policy as Keras writes it in a config.
    pub fn serialize(self) -> Value {
        json!({
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": self.name()},
            "registered_name": null,
        })
    }

    /// The policy that a `dtype` of a config is; `None` for one that Kerros does not know.
    pub fn of(dtype: &Value) -> Option<Self> {
        let name = name_of(dtype).as_str()?;
        DTypePolicy::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Reads the `dtype` of a layer or a model; one that is not known is noted in the reader.
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let Some(dtype) = reader.value("dtype") else { return DTypePolicy::default() };
        DTypePolicy::of(dtype).unwrap_or_else(|| {
            let known = DTypePolicy::ALL.map(DTypePolicy::name).join(", ");
            reader.refuse(format!("`dtype` is {}, expected one of {known}", name_of(dtype)));
            DTypePolicy::default()
        })
    }

    /// The policies in a model's config that are not `float32`, each once.
    pub(crate) fn others_in(config: &Config) -> Vec<Self> {
        let mut found = Vec::new();
        config.iter().for_each(|(key, value)| collect(key, value, &mut found));
        found
    }
}

fn collect(key: &str, value: &Value, found: &mut Vec<DTypePolicy>) {
    match value {
        // A name alone may be that of a tensor's type.
        Value::Object(_) if key == "dtype" => {
            let policy = DTypePolicy::of(value).unwrap_or_default();
            if policy != DTypePolicy::Float32 && !found.contains(&policy) {
                found.push(policy);
            }
        }
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| collect(key, value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(key, value, found)),
        _ => {}
    }
}

/// The name in a serialized policy; Keras also writes the name alone.
fn name_of(dtype: &Value) -> &Value {
    dtype.get("config").and_then(|config| config.get("name")).unwrap_or(dtype)
}
