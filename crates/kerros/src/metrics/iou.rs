//! Intersection over union of predicted and true classes: how well areas overlap.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::define::metric;
use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;
use crate::losses::settings::{Setting, dtype_name};

metric! {
    /// `true positives / (true positives + false positives + false negatives)` of some classes,
    /// of those that appear the mean.
    ///
    /// The usual measure of segmentation. Labels outside the classes are left out.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`, class labels; where they are not sparse, a row of scores
    /// along `axis` in place of each label.
    ///
    /// # Parameters
    /// - `num_classes`: how many classes there are. `target_class_ids`: those that are measured.
    /// - `ignore_class`: a label that is left out. Default: none.
    /// - `sparse_y_true`, `sparse_y_pred`: whether targets and predictions are labels rather than
    ///   scores. Defaults: `true`.
    /// - `axis`: the axis of scores. Default: -1.
    /// - [`IoU::fractional`]: whether sample weights count with their fractions. Keras counts in
    ///   whole numbers, which cut a weight of 0.7 to 0, unless its `dtype` is `float32`.
    IoU(num_classes: usize, target_class_ids: Vec<usize>) {
        ignore_class: Option<i32> = None,
        sparse_y_true: bool = true,
        sparse_y_pred: bool = true,
        axis: isize = -1,
    }
    dtype: Counted,
    name: "io_u",
    names: &["io_u"],
    summary: "overlap of some classes: intersection over union",
}

metric! {
    /// The mean of intersection over union of all classes that appear: see [`IoU`].
    MeanIoU(num_classes: usize) {
        ignore_class: Option<i32> = None,
        sparse_y_true: bool = true,
        sparse_y_pred: bool = true,
        axis: isize = -1,
    }
    dtype: Counted,
    name: "mean_io_u",
    names: &["mean_io_u"],
    summary: "mean overlap of all classes",
}

metric! {
    /// Intersection over union of yes and no: see [`IoU`].
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`, targets 0 or 1.
    ///
    /// # Parameters
    /// - `target_class_ids`: 0 for no, 1 for yes, or both. Default: both.
    /// - `threshold`: from what on a prediction is a yes. Default: 0.5.
    BinaryIoU { target_class_ids: Vec<usize> = vec![0, 1], threshold: f64 = 0.5 }
    dtype: Counted,
    name: "binary_io_u",
    names: &["binary_io_u"],
    summary: "overlap of yes and no",
}

metric! {
    /// [`IoU`] of one-hot targets: `sparse_y_true` is `false`, `sparse_y_pred` by default.
    OneHotIoU(num_classes: usize, target_class_ids: Vec<usize>) {
        ignore_class: Option<i32> = None,
        sparse_y_pred: bool = false,
        axis: isize = -1,
    }
    dtype: Counted,
    name: "one_hot_io_u",
    names: &["one_hot_io_u"],
    summary: "overlap of some classes, targets one-hot",
}

metric! {
    /// [`MeanIoU`] of one-hot targets: `sparse_y_true` is `false`, `sparse_y_pred` by default.
    OneHotMeanIoU(num_classes: usize) {
        ignore_class: Option<i32> = None,
        sparse_y_pred: bool = false,
        axis: isize = -1,
    }
    dtype: Counted,
    name: "one_hot_mean_io_u",
    names: &["one_hot_mean_io_u"],
    summary: "mean overlap of all classes, targets one-hot",
}

impl IoU {
    /// Sets whether targets are labels rather than one-hot.
    pub fn sparse_y_true(mut self, sparse_y_true: bool) -> Self {
        self.sparse_y_true = sparse_y_true;
        self
    }
}

impl MeanIoU {
    /// Sets whether targets are labels rather than one-hot.
    pub fn sparse_y_true(mut self, sparse_y_true: bool) -> Self {
        self.sparse_y_true = sparse_y_true;
        self
    }
}

impl BinaryIoU {
    /// Sets which of no (0) and yes (1) are measured.
    pub fn target_class_ids(mut self, target_class_ids: impl Into<Vec<usize>>) -> Self {
        self.target_class_ids = target_class_ids.into();
        self
    }

    /// Sets from what on a prediction is a yes.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

/// The builder methods of metrics that know scores.
macro_rules! of_scores {
    ($($Name:ident)*) => {$(
        impl $Name {
            /// Sets a label that is left out.
            pub fn ignore_class(mut self, class: i32) -> Self {
                self.ignore_class = Some(class);
                self
            }

            /// Sets whether predictions are labels rather than scores.
            pub fn sparse_y_pred(mut self, sparse_y_pred: bool) -> Self {
                self.sparse_y_pred = sparse_y_pred;
                self
            }

            /// Sets the axis of scores.
            pub fn axis(mut self, axis: isize) -> Self {
                self.axis = axis;
                self
            }
        }
    )*};
}

of_scores!(IoU MeanIoU OneHotIoU OneHotMeanIoU);

/// Makes a metric the overlap that its settings say.
macro_rules! overlap {
    ($Name:ident, |$metric:ident| $overlap:expr) => {
        impl $Name {
            /// Sets whether sample weights count with their fractions: `dtype="float32"`.
            pub fn fractional(mut self, fractional: bool) -> Self {
                self.dtype = if fractional { Counted::Numbers } else { Counted::WholeNumbers };
                self
            }

            fn overlap(&self) -> Overlap {
                let $metric = self;
                $overlap
            }
        }

        impl Metric for $Name {
            fn name(&self) -> &str {
                &self.name
            }

            fn targets(&self) -> Targets {
                self.overlap().targets()
            }

            fn check(&self) -> Result<()> {
                self.overlap().check()
            }

            fn variables(&self, _y_pred: &Shape) -> Result<Vec<MetricVariable>> {
                Ok(vec![self.overlap().variable()])
            }

            fn update<'g>(
                &self,
                variables: &[Node<'g>],
                y_true: Node<'g>,
                y_pred: Node<'g>,
                sample_weight: Option<Node<'g>>,
            ) -> Vec<Node<'g>> {
                vec![variables[0] + self.overlap().table(y_true, y_pred, sample_weight)]
            }

            fn result(&self, variables: &[Tensor]) -> MetricValue {
                self.overlap().mean(&variables[0]).into()
            }
        }
    };
}

overlap!(IoU, |iou| Overlap {
    num_classes: iou.num_classes,
    target_class_ids: iou.target_class_ids.clone(),
    ignore_class: iou.ignore_class,
    truth: Classes::sparse(iou.sparse_y_true, iou.axis),
    answer: Classes::sparse(iou.sparse_y_pred, iou.axis),
    counted: iou.dtype,
});
overlap!(MeanIoU, |iou| Overlap {
    num_classes: iou.num_classes,
    target_class_ids: (0..iou.num_classes).collect(),
    ignore_class: iou.ignore_class,
    truth: Classes::sparse(iou.sparse_y_true, iou.axis),
    answer: Classes::sparse(iou.sparse_y_pred, iou.axis),
    counted: iou.dtype,
});
overlap!(BinaryIoU, |iou| Overlap {
    num_classes: 2,
    target_class_ids: iou.target_class_ids.clone(),
    ignore_class: None,
    truth: Classes::Labels,
    answer: Classes::FromThreshold(iou.threshold),
    counted: iou.dtype,
});
overlap!(OneHotIoU, |iou| Overlap {
    num_classes: iou.num_classes,
    target_class_ids: iou.target_class_ids.clone(),
    ignore_class: iou.ignore_class,
    truth: Classes::Scores(iou.axis),
    answer: Classes::sparse(iou.sparse_y_pred, iou.axis),
    counted: iou.dtype,
});
overlap!(OneHotMeanIoU, |iou| Overlap {
    num_classes: iou.num_classes,
    target_class_ids: (0..iou.num_classes).collect(),
    ignore_class: iou.ignore_class,
    truth: Classes::Scores(iou.axis),
    answer: Classes::sparse(iou.sparse_y_pred, iou.axis),
    counted: iou.dtype,
});

/// In what the table of classes is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Counted {
    #[default]
    WholeNumbers,
    Numbers,
}

impl Setting for Counted {
    const WHAT: &'static str = "int32 or float32";
    fn write(&self) -> Value {
        match self {
            Counted::WholeNumbers => json!("int32"),
            Counted::Numbers => json!("float32"),
        }
    }
    fn read(value: &Value) -> Option<Self> {
        match dtype_name(value)? {
            "int" | "int32" | "int64" => Some(Counted::WholeNumbers),
            "float32" => Some(Counted::Numbers),
            _ => None,
        }
    }
}

/// How classes are given.
#[derive(Clone, Copy)]
enum Classes {
    /// As labels.
    Labels,
    /// As scores along an axis: the class is that of the largest.
    Scores(isize),
    /// As one number: from a threshold on class 1, below class 0.
    FromThreshold(f64),
}

impl Classes {
    fn sparse(is_sparse: bool, axis: isize) -> Self {
        if is_sparse { Classes::Labels } else { Classes::Scores(axis) }
    }

    /// The class of each value, in one row.
    fn of(self, values: Node<'_>) -> Node<'_> {
        let classes = match self {
            Classes::Labels => values.cast(DType::I32),
            Classes::Scores(axis) => values.argmax(axis),
            Classes::FromThreshold(threshold) => {
                values.greater_equal(threshold as f32).cast(DType::I32)
            }
        };
        classes.reshape([classes.shape().num_elements()])
    }
}

/// Classes whose pairs are counted, at most: 1 GiB of counts.
const MAX_CLASSES: usize = 1 << 14;

/// What all of these metrics compute.
struct Overlap {
    num_classes: usize,
    target_class_ids: Vec<usize>,
    ignore_class: Option<i32>,
    truth: Classes,
    answer: Classes,
    counted: Counted,
}

impl Overlap {
    fn targets(&self) -> Targets {
        match (self.truth, self.answer) {
            (Classes::Labels, Classes::Scores(-1)) => Targets::Labels,
            (Classes::Labels, Classes::Scores(_)) | (Classes::Scores(_), Classes::Labels) => {
                Targets::Any
            }
            _ => Targets::Values,
        }
    }

    fn check(&self) -> Result<()> {
        if self.num_classes > MAX_CLASSES {
            let message = format!("`num_classes` is {}", self.num_classes);
            return Err(Error::new(ErrorKind::Argument, message)
                .expected(format!("at most {MAX_CLASSES}: a count is kept for each pair")));
        }
        let beyond = |&&class: &&usize| class >= self.num_classes;
        match self.target_class_ids.iter().find(beyond) {
            Some(class) => {
                Err(Error::new(ErrorKind::Argument, format!("`target_class_ids` holds {class}"))
                    .expected(format!("classes in 0..{}", self.num_classes)))
            }
            None => Ok(()),
        }
    }

    fn dtype(&self) -> DType {
        match self.counted {
            Counted::WholeNumbers => DType::I32,
            Counted::Numbers => DType::F32,
        }
    }

    fn variable(&self) -> MetricVariable {
        let name = "total_confusion_matrix";
        let shape = [self.num_classes, self.num_classes].into();
        MetricVariable { name, shape, dtype: self.dtype() }
    }

    /// How often which class was answered for which: `[true class, answered class]`.
    fn table<'g>(
        &self,
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Node<'g> {
        let graph = y_pred.graph();
        let (truth, answer) = (self.truth.of(y_true), self.answer.of(y_pred)); // [values]
        let values = truth.shape().num_elements();
        if answer.shape().num_elements() != values {
            let message = format!("{values} true classes and {} answers", answer.shape());
            let error = Error::new(ErrorKind::Shape, message).expected("as many of both");
            return graph.fail(error, self.variable().ty());
        }
        // A class outside of the table is a row of zeros, which counts nowhere.
        let mut rows = truth.one_hot(self.num_classes);
        if let Some(class) = self.ignore_class {
            let counts = truth.not_equal(graph.constant_i32(class)).cast(DType::F32);
            rows = rows * counts.keep(1);
        }
        if let Some(weight) = sample_weight {
            let shape = weight.shape();
            // One per value, or one for each value's sample.
            let per_weight = values / shape.num_elements().max(1);
            if per_weight * shape.num_elements() != values {
                let error = Error::new(
                    ErrorKind::Shape,
                    format!("sample weights of shape {shape} for {values} classes"),
                );
                return graph.fail(error.expected("one per class"), self.variable().ty());
            }
            let weight = match self.counted {
                Counted::WholeNumbers => weight.cast(DType::I32).cast(DType::F32),
                Counted::Numbers => weight.cast(DType::F32),
            };
            let weight = weight.reshape([shape.num_elements(), 1]);
            let weight = weight.broadcast_to([shape.num_elements(), per_weight]);
            rows = rows * weight.reshape([values, 1]);
        }
        let table = rows.matmul_with(answer.one_hot(self.num_classes), true, false);
        table.cast(self.dtype())
    }

    fn mean(&self, table: &Tensor) -> f64 {
        let (table, classes) = (table.to_vec_f64(), self.num_classes);
        let overlap = |&class: &usize| {
            let both = table[class * classes + class];
            let true_ones: f64 = table[class * classes..(class + 1) * classes].iter().sum();
            let answers: f64 = table.iter().skip(class).step_by(classes).sum();
            let either = true_ones + answers - both;
            // A class that appears nowhere has no overlap.
            (either > 1e-9).then(|| both / (either + 1e-7))
        };
        let found: Vec<f64> = self.target_class_ids.iter().filter_map(overlap).collect();
        found.iter().sum::<f64>() / (found.len() as f64 + 1e-7)
    }
}
