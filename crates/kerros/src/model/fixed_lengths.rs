//! Lengths that a network may be tied to: its inputs leave the number of rows or steps open, but it
//! holds constants for a whole batch or sequence (`x + array of [6, 3]`), or operations that name
//! places or lengths of these axes (`x[5]`, `ops.reshape(x, (4, 8))`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Argument, Network, Source};
use crate::operations;

/// The longest that is tried: what is in a file may name any number.
const MAX_LENGTH: usize = 1 << 14;

/// How many numbers are tried: each is a whole trial.
const MAX_TRIALS: usize = 48;

/// How many numbers of one list are looked at: longer ones are constants, not lengths of axes.
const MAX_LIST: usize = 64;

/// The most elements whose divisors are lengths of an axis.
const MAX_ELEMENTS: u64 = 1 << 20;

/// The lengths to try: what the constants and the operations of a network speak of, ascending; then
/// what its shapes may be divided into; 1, which nearly everything broadcasts with, last. None where
/// there is neither an operation nor a constant.
pub(super) fn candidates(network: &Network) -> Vec<usize> {
    let mut found = Found::default();
    found.network(network);
    if !found.any {
        return Vec::new();
    }
    let Found { named, divisors, .. } = found;
    let named: Vec<usize> =
        named.into_iter().filter(|length| (2..=MAX_LENGTH).contains(length)).collect();
    let more = divisors.into_iter().filter(|length| *length > 1 && !named.contains(length));
    let more: Vec<usize> = more.collect();
    named.iter().copied().chain(more).take(MAX_TRIALS - 1).chain([1]).collect()
}

/// What was found so far.
#[derive(Default)]
struct Found {
    /// Whether there was anything to look at.
    any: bool,
    /// Lengths of constants, and numbers that operations are given.
    named: BTreeSet<usize>,
    /// Divisors of the sizes of shapes that operations are given.
    divisors: BTreeSet<usize>,
}

impl Found {
    fn network(&mut self, network: &Network) {
        for call in &network.calls {
            let is_operation = network.layers[call.layer].layer.is_operation();
            let keyword = call.arguments.keyword.iter().map(|(_, argument)| argument);
            for argument in call.arguments.positional.iter().chain(keyword) {
                self.argument(argument, is_operation);
            }
        }
        for entry in &network.layers {
            if let Some(inner) = entry.layer.network() {
                self.network(inner);
            } else if entry.layer.is_operation() {
                self.any = true;
                let config = entry.layer.config();
                config.values().for_each(|setting| self.setting(setting));
            }
        }
    }

    fn argument(&mut self, argument: &Argument<Source>, is_operation: bool) {
        match argument {
            Argument::Tensor(_) => {}
            Argument::List(items) => {
                items.iter().for_each(|item| self.argument(item, is_operation));
            }
            Argument::Dictionary(entries) => {
                entries.iter().for_each(|(_, item)| self.argument(item, is_operation));
            }
            Argument::Value(value) if is_operation => self.setting(value),
            Argument::Value(value) => self.array(value),
        }
    }

    /// The lengths of the axes of an array, or of each array of a list.
    fn array(&mut self, value: &Value) {
        match value {
            value if operations::is_array(value) => {
                self.any = true;
                let mut inner = &value["config"]["value"];
                while let Some(items) = inner.as_array() {
                    self.named.insert(items.len());
                    inner = items.first().unwrap_or(&Value::Null);
                }
            }
            Value::Array(items) => items.iter().take(MAX_LIST).for_each(|item| self.array(item)),
            _ => {}
        }
    }

    /// The numbers of a setting, and how many they are.
    fn setting(&mut self, value: &Value) {
        match value {
            value if operations::is_array(value) => self.array(value),
            Value::Number(number) => {
                let number = number.as_i64().map(i64::unsigned_abs);
                // A place that is there needs one row more than its number.
                let numbers =
                    number.into_iter().flat_map(|number| [number, number.saturating_add(1)]);
                self.named.extend(numbers.filter_map(|number| usize::try_from(number).ok()));
            }
            Value::Array(items) => {
                self.named.insert(items.len());
                if items.len() <= MAX_LIST {
                    self.shape(items);
                    items.iter().for_each(|item| self.setting(item));
                }
            }
            Value::Object(entries) => entries.values().for_each(|entry| self.setting(entry)),
            _ => {}
        }
    }

    /// What a tensor of this shape may have been divided into.
    fn shape(&mut self, dims: &[Value]) {
        let dims: Option<Vec<i64>> = dims.iter().map(Value::as_i64).collect();
        let known = dims.unwrap_or_default().into_iter().filter(|dim| *dim > 0);
        let size = known.map(i64::unsigned_abs).try_fold(1u64, u64::checked_mul);
        let Some(size) = size.filter(|size| (2..=MAX_ELEMENTS).contains(size)) else { return };
        let divisors = (1..=size.isqrt()).filter(|low| size % low == 0);
        let both = divisors.flat_map(|low| [low, size / low]);
        let within = both.filter_map(|length| usize::try_from(length).ok());
        self.divisors.extend(within.filter(|length| *length <= MAX_LENGTH));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(setting: Value) -> Found {
        let mut found = Found::default();
        found.setting(&setting);
        found
    }

    #[test]
    fn constants_and_settings_name_lengths() {
        let array = json!({
            "class_name": "__numpy__",
            "config": {"value": [[7, 7], [8, 8], [9, 9]], "dtype": "int32"},
        });
        assert_eq!(found(array).named.into_iter().collect::<Vec<_>>(), [2, 3]);
        let key = json!([5, null]);
        assert_eq!(found(key).named.into_iter().collect::<Vec<_>>(), [2, 5, 6]);
        let shape = found(json!([2, -1, 8]));
        assert_eq!(shape.divisors.into_iter().collect::<Vec<_>>(), [1, 2, 4, 8, 16]);
    }

    #[test]
    fn numbers_of_strangers_are_bounded() {
        let all: Vec<i64> = (0..64).map(|at| i64::MAX - at).collect();
        let found = found(json!([all, [i64::MIN, -3], [1_i64 << 40, 1_i64 << 40]]));
        assert!(found.divisors.is_empty());
        assert!(found.named.contains(&3));
    }
}
