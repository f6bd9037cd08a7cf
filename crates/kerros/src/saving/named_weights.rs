//! The weights of a model by their paths, as `.safetensors` files have them.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::problems::Problems;
use crate::model::Model;

/// The weights of a built model in the order of [`Model::get_weights`], out of named ones.
///
/// # Errors
/// Weights that are missing, too many, or of other shapes: all of them, each by name.
pub(super) fn read(model: &Model, named: Vec<(String, Tensor)>) -> Result<Vec<Tensor>> {
    let entries = &model.network().weights;
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let strips = Strips::of(&names, &paths);
    let mut found: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, tensor) in &named {
        found.insert(strips.name(name).to_owned(), tensor.clone());
    }
    let mut problems = Problems::default();
    let mut values = Vec::new();
    for entry in entries {
        let weight = &entry.weight;
        let place = format!("weight `{}`", entry.path);
        let Some(value) = found.remove(strips.path(&entry.path)) else {
            let error = Error::new(ErrorKind::Shape, "it is not in the file")
                .expected(format!("a tensor of shape {}", weight.shape));
            problems.note(&place, &error);
            continue;
        };
        if value.shape() != &weight.shape {
            let error =
                Error::new(ErrorKind::Shape, format!("it has shape {} in the file", value.shape()))
                    .expected(weight.shape.to_string());
            problems.note(&place, &error);
            continue;
        }
        values.extend(problems.keep(&place, weight.held(&value)));
    }
    for (name, value) in found {
        let error = Error::new(
            ErrorKind::Shape,
            format!("the file has `{name}` of shape {}", value.shape()),
        )
        .expected("no weights but those of the model's layers");
        problems.note("", &error);
    }
    problems.finish("weights do not fit the model")?;
    Ok(values)
}

/// Which of both sides have the name of a model before every path.
#[derive(Clone, Copy, Debug)]
struct Strips {
    names: bool,
    paths: bool,
}

impl Strips {
    /// Nothing is left out where the names are the paths; else what comes before the first `/`,
    /// on the sides where it is always the same.
    fn of(names: &[&str], paths: &[&str]) -> Self {
        let is_same = names.iter().all(|name| paths.contains(name));
        if is_same {
            return Strips { names: false, paths: false };
        }
        Strips { names: has_one_start(names), paths: has_one_start(paths) }
    }

    fn name<'a>(&self, name: &'a str) -> &'a str {
        if self.names { below(name) } else { name }
    }

    fn path<'a>(&self, path: &'a str) -> &'a str {
        if self.paths { below(path) } else { path }
    }
}

/// Whether all begin with the same word and a layer's below it.
fn has_one_start(paths: &[&str]) -> bool {
    let start = |path: &str| path.split_once('/').map(|(start, _)| start.to_owned());
    let is_deep = paths.iter().all(|path| path.matches('/').count() > 1);
    let first = paths.first().and_then(|path| start(path));
    is_deep && first.is_some() && paths.iter().all(|path| start(path) == first)
}

fn below(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, below)| below)
}
