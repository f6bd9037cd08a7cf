//! Vocabularies that Keras keeps beside the config: those that a layer has found in data.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::objects::class_name;
use crate::model::names::snake_case;

/// The layers whose vocabularies are filled in.
const LOOKUP: &str = "IntegerLookup";

/// The config with the vocabularies of these texts, which are named by the places of their layers:
/// `assets/layers/integer_lookup_1/vocabulary.txt` is that of the second lookup among the layers.
///
/// Each line of a text is a number. A text that is something else, or that no layer lacks, is left.
///
/// # Source
/// Keras 3, `keras/src/saving/saving_lib.py`: layers are named as in the file of weights.
pub(super) fn filled<'a>(config: &'a Value, texts: &BTreeMap<String, String>) -> Cow<'a, Value> {
    if texts.is_empty() {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    fill(&mut config, "assets", texts);
    Cow::Owned(config)
}

/// Fills the layers of a model; `place` is the model's.
fn fill(model: &mut Value, place: &str, texts: &BTreeMap<String, String>) {
    let layers = model.get_mut("config").and_then(|config| config.get_mut("layers"));
    let Some(layers) = layers.and_then(Value::as_array_mut) else { return };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for layer in layers {
        let Some(class) = class_name(layer) else { continue };
        let is_lookup = class == LOOKUP;
        let mut name = snake_case(class);
        let count = counts.entry(name.clone()).or_default();
        if *count > 0 {
            name += &format!("_{count}");
        }
        *count += 1;
        let place = format!("{place}/layers/{name}");
        if !is_lookup {
            fill(layer, &place, texts);
            continue;
        }
        let vocabulary = layer.get_mut("config").and_then(|config| config.get_mut("vocabulary"));
        let text = texts.get(&format!("{place}/vocabulary.txt"));
        if let (Some(vocabulary @ Value::Null), Some(text)) = (vocabulary, text)
            && let Ok(numbers) = text.lines().map(str::parse).collect::<Result<Vec<i64>, _>>()
        {
            *vocabulary = json!(numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lookup_gets_the_text_of_its_place() {
        let lookup = |vocabulary: Value| json!({"class_name": "IntegerLookup", "config": {"vocabulary": vocabulary}});
        let model =
            |layers: Value| json!({"class_name": "Functional", "config": {"layers": layers}});
        let inner = model(json!([lookup(Value::Null)]));
        let config = model(json!([
            {"class_name": "InputLayer", "config": {}},
            lookup(Value::Null),
            lookup(json!([7])),
            lookup(Value::Null),
            inner,
        ]));
        let text = |place: &str, text: &str| {
            (format!("assets/layers/{place}/vocabulary.txt"), text.to_string())
        };
        let texts = BTreeMap::from([
            text("integer_lookup", "-1\n8\n5\n"),
            text("integer_lookup_1", "1\n2"),
            text("integer_lookup_2", "no numbers"),
            text("functional/layers/integer_lookup", "3"),
        ]);
        let filled = filled(&config, &texts).into_owned();
        let layers = &filled["config"]["layers"];
        assert_eq!(layers[1]["config"]["vocabulary"], json!([-1, 8, 5]));
        assert_eq!(layers[2]["config"]["vocabulary"], json!([7]));
        assert_eq!(layers[3]["config"]["vocabulary"], Value::Null);
        assert_eq!(layers[4]["config"]["layers"][0]["config"]["vocabulary"], json!([3]));
    }
}
