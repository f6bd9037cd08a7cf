//! The small tables: iris, wine and breast cancer, with their features as measured.
//!
//! The columns differ in size by factors of up to 100,000: put a `Normalization` layer first.

use kerros_core::{Result, Tensor};

use super::find;
use crate::Dataset;

/// Three kinds of iris by four lengths of their flowers: 150 rows, sorted by kind.
///
/// # Errors
/// None: the data are part of the program.
///
/// # Source
/// R. A. Fisher: "The use of multiple measurements in taxonomic problems", 1936; UCI (CC BY 4.0).
/// scikit-learn's copy, which follows the paper where UCI's file has two wrong rows.
pub fn iris() -> Result<Dataset> {
    table(
        "iris",
        include_bytes!("../../data/iris.bin"),
        &["setosa", "versicolor", "virginica"],
        &["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
    )
}

/// Wines of three growers by thirteen measures of a chemical analysis: 178 rows, sorted by
/// grower.
///
/// # Errors
/// None: the data are part of the program.
///
/// # Source
/// S. Aeberhard, M. Forina: "Wine", UCI 1992 (CC BY 4.0); scikit-learn's copy.
pub fn wine() -> Result<Dataset> {
    table(
        "wine",
        include_bytes!("../../data/wine.bin"),
        &["class_0", "class_1", "class_2"],
        &[
            "alcohol",
            "malic_acid",
            "ash",
            "alcalinity_of_ash",
            "magnesium",
            "total_phenols",
            "flavanoids",
            "nonflavanoid_phenols",
            "proanthocyanins",
            "color_intensity",
            "hue",
            "od280/od315_of_diluted_wines",
            "proline",
        ],
    )
}

/// Malignant (0) and benign (1) tumours by thirty measures of their cell nuclei: 569 rows.
///
/// # Errors
/// None: the data are part of the program.
///
/// # Source
/// W. Wolberg, O. Mangasarian, N. Street, W. Street: "Breast Cancer Wisconsin (Diagnostic)", UCI
/// 1995 (CC BY 4.0); scikit-learn's copy and class numbers.
pub fn breast_cancer() -> Result<Dataset> {
    const MEASURES: [&str; 10] = [
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave points",
        "symmetry",
        "fractal dimension",
    ];
    let names: Vec<String> = MEASURES
        .iter()
        .map(|measure| format!("mean {measure}"))
        .chain(MEASURES.iter().map(|measure| format!("{measure} error")))
        .chain(MEASURES.iter().map(|measure| format!("worst {measure}")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    table(
        "breast_cancer",
        include_bytes!("../../data/breast_cancer.bin"),
        &["malignant", "benign"],
        &names,
    )
}

/// Reads a file of `data/make_digits.py`: labels, one byte each, then `float32` features.
fn table(name: &str, file: &[u8], class_names: &[&str], feature_names: &[&str]) -> Result<Dataset> {
    let about = find(name)?;
    let (labels, features) = file.split_at(about.num_rows);
    let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
    let (features, _) = features.as_chunks::<4>();
    let features: Vec<f32> = features.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    Ok(Dataset {
        name: about.name.to_string(),
        classes: about.classes,
        class_names: owned(class_names),
        feature_names: owned(feature_names),
        description: about.description.to_string(),
        ..Dataset::new(
            Tensor::new([about.num_rows, feature_names.len()], features)?,
            Tensor::new([about.num_rows], labels)?,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rows_are_those_of_the_source() {
        let first = |data: Dataset, len: usize| data.x.as_slice::<f32>().unwrap()[..len].to_vec();
        assert_eq!(first(iris().unwrap(), 4), [5.1, 3.5, 1.4, 0.2]);
        assert_eq!(first(wine().unwrap(), 4), [14.23, 1.71, 2.43, 15.6]);
        assert_eq!(first(breast_cancer().unwrap(), 3), [17.99, 10.38, 122.8]);
    }
}
