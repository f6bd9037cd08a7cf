//! The datasets that are part of the library: real, small, and there without a network.
//!
//! Sources and licences stand in [`LIST`] and in `data/README.md`.

mod digits;
mod tables;

use kerros_core::{Error, ErrorKind, Result};

use crate::Dataset;

pub use digits::{DigitsOptions, digits, digits_all, digits_with};
pub use tables::{breast_cancer, iris, wine};

/// A built-in dataset: what it is, whose it is, and how to get it.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// The name it is loaded by.
    pub name: &'static str,
    /// What it holds, in a sentence.
    pub description: &'static str,
    /// The number of rows.
    pub num_rows: usize,
    /// The shape of one row of `x`.
    pub row_shape: &'static [usize],
    /// How many classes `y` numbers; `None` for a quantity.
    pub classes: Option<usize>,
    /// Who made it, and where it is published.
    pub source: &'static str,
    /// Under which licence.
    pub licence: &'static str,
    /// Makes it: all rows, in the order of the source.
    pub load: fn() -> Result<Dataset>,
}

/// The licence of everything the UCI Machine Learning Repository publishes.
const UCI_LICENCE: &str = "CC BY 4.0";

/// Every built-in dataset.
pub static LIST: &[BuiltIn] = &[
    BuiltIn {
        name: "digits",
        description: "handwritten digits, 8 x 8 grey values in 0..1",
        num_rows: 1797,
        row_shape: &[64],
        classes: Some(10),
        source: "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, test part, \
                 UCI 1998, doi:10.24432/C50P49, as in scikit-learn",
        licence: UCI_LICENCE,
        load: digits_all,
    },
    BuiltIn {
        name: "iris",
        description: "three kinds of iris by the size of their flowers, in cm",
        num_rows: 150,
        row_shape: &[4],
        classes: Some(3),
        source: "R. A. Fisher: Iris, 1936, UCI, doi:10.24432/C56C76, as in scikit-learn",
        licence: UCI_LICENCE,
        load: iris,
    },
    BuiltIn {
        name: "wine",
        description: "wines of three growers by chemical analysis",
        num_rows: 178,
        row_shape: &[13],
        classes: Some(3),
        source: "S. Aeberhard, M. Forina: Wine, UCI 1992, doi:10.24432/C5PC7J, as in scikit-learn",
        licence: UCI_LICENCE,
        load: wine,
    },
    BuiltIn {
        name: "breast_cancer",
        description: "malignant (0) and benign (1) tumours by measures of their cell nuclei",
        num_rows: 569,
        row_shape: &[30],
        classes: Some(2),
        source: "W. Wolberg, O. Mangasarian, N. Street, W. Street: Breast Cancer Wisconsin \
                 (Diagnostic), UCI 1995, doi:10.24432/C5DW2B, as in scikit-learn",
        licence: UCI_LICENCE,
        load: breast_cancer,
    },
];

/// The built-in dataset of this name.
///
/// # Errors
/// [`ErrorKind::UnknownName`], with the names there are.
///
/// # Example
/// ```
/// use kerros_data::datasets;
/// assert_eq!(datasets::find("iris")?.num_rows, 150);
/// assert!(datasets::find("mnist").is_err());
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn find(name: &str) -> Result<&'static BuiltIn> {
    LIST.iter().find(|dataset| dataset.name == name).ok_or_else(|| {
        let names: Vec<&str> = LIST.iter().map(|dataset| dataset.name).collect();
        Error::new(ErrorKind::UnknownName, format!("there is no built-in dataset `{name}`"))
            .expected(format!("one of: {}", names.join(", ")))
            .hint("read your own arrays from .npy or .csv files")
    })
}

/// All rows of the built-in dataset of this name, in the order of the source.
///
/// # Errors
/// As [`find`].
pub fn load(name: &str) -> Result<Dataset> {
    (find(name)?.load)()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::count;

    /// The facts that `data/make_digits.py` prints about scikit-learn's copies: rows of each
    /// class, the sum of all features, the same weighted by (flat index mod 97), and the sum of
    /// the labels weighted by their row.
    #[test]
    fn the_data_are_those_of_scikit_learn() {
        let digit_counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        // Digits are scaled by 1/16 here.
        let facts: [(&str, &[usize], f64, f64, f64); 4] = [
            ("digits", &digit_counts, 561718.0 / 16.0, 26999818.0 / 16.0, 7264791.0),
            ("iris", &[50, 50, 50], 2078.699996, 97484.399812, 16175.0),
            ("wine", &[59, 71, 48], 159975.295995, 7558746.611994, 21410.0),
            ("breast_cancer", &[212, 357], 1056474.460156, 50877765.678931, 114204.0),
        ];
        assert_eq!(facts.len(), LIST.len());
        for (name, counts, sum, weighted, weighted_labels) in facts {
            let data = load(name).unwrap();
            let ids = crate::labels::class_ids(&data.y).unwrap();
            assert_eq!(count(&ids).values().copied().collect::<Vec<_>>(), counts, "{name}");
            let x = data.x.to_vec_f64();
            // The facts are printed with 6 decimals.
            assert!((x.iter().sum::<f64>() - sum).abs() < 1e-6 * sum.max(1.0), "{name}");
            let got: f64 = x.iter().enumerate().map(|(at, v)| v * (at % 97) as f64).sum();
            assert!((got - weighted).abs() < 1e-8 * weighted, "{name}: {got}");
            let got: f64 =
                data.y.to_vec_f64().iter().enumerate().map(|(row, id)| id * row as f64).sum();
            assert_eq!(got, weighted_labels, "{name}");
        }
    }

    #[test]
    fn the_list_says_what_is_loaded() {
        for entry in LIST {
            let data = load(entry.name).unwrap();
            assert_eq!(data.name, entry.name);
            assert_eq!(data.num_rows(), entry.num_rows);
            assert_eq!(&data.x.shape()[1..], entry.row_shape);
            assert_eq!(data.y.shape().dims(), [entry.num_rows]);
            assert_eq!(data.y.dtype(), kerros_core::DType::I32);
            assert_eq!(data.classes, entry.classes);
            assert_eq!(data.class_names.len(), entry.classes.unwrap());
            assert_eq!(data.feature_names.len(), entry.row_shape.iter().product::<usize>());
            assert_eq!(data.description, entry.description);
        }
    }

    #[test]
    fn unknown_names_get_the_list() {
        let error = load("mnist").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownName);
        assert!(error.to_string().contains("digits, iris, wine, breast_cancer"), "{error}");
    }
}
