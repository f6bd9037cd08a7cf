//! `kerros datasets`: what data are built in.

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use kerros::Shape;
use kerros::data::datasets;

use crate::data::grouped;
use crate::messages::say;

/// Runs `kerros datasets`.
///
/// # Errors
/// A stdout that cannot be written to.
pub fn run() -> Result<()> {
    let sources: Vec<String> = datasets::LIST
        .iter()
        .map(|dataset| format!("{}: {} ({})", dataset.name, dataset.source, dataset.licence))
        .collect();
    say(format!(
        "{}\n\nUse one with `--data NAME`, or as `dataset = \"NAME\"` in a job file.\n\n{}",
        table().trim_fmt(),
        sources.join("\n")
    ))
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["name", "rows", "each row", "classes", "what it is"]);
    for dataset in datasets::LIST {
        table.add_row([
            dataset.name.to_string(),
            grouped(dataset.num_rows),
            Shape::from(dataset.row_shape).to_string(),
            dataset.classes.map_or("-".into(), |classes| classes.to_string()),
            dataset.description.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_has_its_line() {
        let text = table().to_string();
        for dataset in datasets::LIST {
            assert!(text.contains(dataset.name), "{}", dataset.name);
        }
        assert!(text.contains("1,797"));
    }
}
