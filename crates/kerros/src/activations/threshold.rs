use std::sync::Arc;

use kerros_graph::Node;

use super::Activation;
use crate::losses::settings::settings;
use crate::object::{Config, Described, Entry};

settings! {
    /// `x` where `x > threshold`, `default_value` else.
    ///
    /// # Parameters
    /// Both are required: there is no value of the bare word.
    ///
    /// # Gradient
    /// 0 at the threshold.
    Threshold { threshold: f64 = 0.0, default_value: f64 = 0.0 }
}

impl Threshold {
    /// With this threshold, and this value where `x` is not above it.
    pub fn new(threshold: f64, default_value: f64) -> Self {
        Threshold { threshold, default_value }
    }
}

impl Described for Threshold {
    fn class_name(&self) -> &'static str {
        "threshold"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        self.write(&mut config);
        config
    }
}

impl Activation for Threshold {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.greater(self.threshold as f32).select(x, self.default_value as f32)
    }
}

pub(super) const ENTRY: Entry<dyn Activation> = Entry {
    class_name: "threshold",
    names: &[],
    summary: "x above a threshold, another value below",
    from_config: |reader| {
        for name in ["threshold", "default_value"] {
            if reader.value(name).is_none() {
                reader.refuse(format!("`{name}` is missing"));
            }
        }
        Ok(Arc::new(Threshold::read(reader)))
    },
};
