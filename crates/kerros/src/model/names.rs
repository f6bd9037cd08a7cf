//! Names that models give to layers that have none.

/// A class that Keras exports under another name than its own, which names and files go by.
const OWN_NAMES: [(&str, &str); 1] = [("GroupQueryAttention", "GroupedQueryAttention")];

/// A class name as words joined by `_`: `LeakyReLU` becomes `leaky_re_lu`, as in Keras.
pub fn snake_case(class_name: &str) -> String {
    let own = OWN_NAMES.iter().find(|(exported, _)| *exported == class_name);
    let class_name = own.map_or(class_name, |(_, own)| own);
    let chars: Vec<char> = class_name.chars().collect();
    let is = |at: usize, test: fn(&char) -> bool| chars.get(at).is_some_and(test);
    let mut name = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let after_lower = at > 0 && chars[at - 1].is_ascii_lowercase();
        let starts_word = at > 0 && is(at + 1, char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_lower || starts_word) {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Names for a list of layers: given ones stay, the others count up per class (`dense`,
/// `dense_1` ...) past names that are taken.
///
/// Each entry is the class name and the given name. A given name that is given twice comes
/// back twice: the caller refuses it.
pub fn unique<'a>(layers: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone) -> Vec<String> {
    let given: Vec<&str> = layers.clone().filter_map(|(_, name)| name).collect();
    let mut names: Vec<String> = Vec::new();
    for (class_name, name) in layers {
        let base = snake_case(class_name);
        let name = match name {
            Some(name) => name.to_string(),
            None => std::iter::once(base.clone())
                .chain((1..).map(|number| format!("{base}_{number}")))
                .find(|name| !given.contains(&name.as_str()) && !names.contains(name))
                .expect("numbers do not end"),
        };
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_written_as_keras_writes_them() {
        let cases = [
            ("Dense", "dense"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("PReLU", "p_re_lu"),
            ("ELU", "elu"),
            ("InputLayer", "input_layer"),
            ("BatchNormalization", "batch_normalization"),
            ("ConvLSTM1D", "conv_lstm1d"),
            ("GroupQueryAttention", "grouped_query_attention"),
        ];
        for (class_name, name) in cases {
            assert_eq!(snake_case(class_name), name);
        }
    }

    #[test]
    fn numbers_count_up_past_given_names() {
        let layers =
            [("Dense", None), ("Dense", None), ("Dense", Some("dense_2")), ("Dense", None)];
        assert_eq!(unique(layers.into_iter()), ["dense", "dense_1", "dense_2", "dense_3"]);
    }
}
