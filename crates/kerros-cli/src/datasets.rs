//! `kerros datasets`: what data are built in.

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use kerros::Shape;
use kerros::data::datasets;

use crate::data::grouped;

/// Runs `kerros datasets`.
///
/// # Errors
/// None.
pub fn run() -> Result<()> {
    println!("{}\n", table().trim_fmt());
    println!("Use one with `--data NAME`, or as `dataset = \"NAME\"` in a job file.\n");
    for dataset in datasets::LIST {
        println!("{}: {} ({})", dataset.name, dataset.source, dataset.licence);
    }
    Ok(())
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
