/// How the outputs of both directions become one.
///
/// A name that is none of these is a mistake, which the model reports when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeMode {
    /// One after the other, along the last axis: Keras's `"concat"`.
    Concat,
    /// Their sum: `"sum"`.
    Sum,
    /// Their product: `"mul"`.
    Mul,
    /// Their mean: `"ave"`.
    Ave,
    /// Both come out, as two results: Keras's `None`.
    Separate,
    /// Some other name.
    Unknown(String),
}

impl From<&str> for MergeMode {
    fn from(name: &str) -> Self {
        match name {
            "concat" => MergeMode::Concat,
            "sum" => MergeMode::Sum,
            "mul" => MergeMode::Mul,
            "ave" => MergeMode::Ave,
            other => MergeMode::Unknown(other.into()),
        }
    }
}

impl MergeMode {
    /// Keras's name for it.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            MergeMode::Concat => Some("concat"),
            MergeMode::Sum => Some("sum"),
            MergeMode::Mul => Some("mul"),
            MergeMode::Ave => Some("ave"),
            MergeMode::Separate => None,
            MergeMode::Unknown(name) => Some(name),
        }
    }
}
