//! The model as a table, in Keras's form.

use kerros_core::{Result, Shape};

use super::{Model, PartialShape};

/// Widths of the three columns, as Keras lays them out in 88 characters less the terminal's.
const WIDTHS: [usize; 3] = [33, 24, 15];

impl Model {
    /// The layers with their output shapes and numbers of weights, and the totals, as Keras
    /// prints them.
    ///
    /// Works on a model whose input shape is not known too: shapes are then `?`.
    pub fn summary(&self) -> String {
        let network = &self.network;
        let mut table = format!("Model: \"{}\"\n", network.name);
        table += &line('┏', '┳', '┓', '━');
        table += &row(["Layer (type)", "Output Shape", "Param #"], '┃');
        table += &line('┡', '╇', '┩', '━');
        for (at, entry) in network.layers.iter().enumerate() {
            let call = network.calls.iter().find(|call| call.layer == at);
            let shape = call.filter(|_| network.is_built()).map_or("?".into(), |call| {
                let shapes = call.shapes.iter().map(|shape| with_batch(shape, network.batch()));
                let shapes: Vec<String> = shapes.collect();
                shapes.join(", ")
            });
            let own = entry.weights.iter().filter_map(|&place| network.weights.get(place));
            let own = own.filter(|entry| !entry.weight.is_memory);
            let count: usize = own.map(|entry| entry.weight.shape.num_elements()).sum();
            let count = match network.is_built() {
                true => grouped(count),
                false => "0 (unbuilt)".into(),
            };
            let name = format!("{} ({})", entry.name, entry.layer.class_name());
            if at > 0 {
                table += &line('├', '┼', '┤', '─');
            }
            table += &row([&name, &shape, &count], '│');
        }
        table += &line('└', '┴', '┘', '─');
        table + &self.totals()
    }

    /// The lines below the table.
    fn totals(&self) -> String {
        let network = &self.network;
        let mut sums = [Total::default(), Total::default()];
        for (place, entry) in network.weights.iter().enumerate() {
            if entry.weight.is_memory {
                continue;
            }
            let which = usize::from(!network.is_trained(place));
            sums[which].add(&entry.weight.shape, entry.weight.size_bytes());
        }
        let optimizer = self.optimizer_total();
        let all = sums[0].and(sums[1]).and(optimizer.unwrap_or_default());
        let mut text = format!(" Total params: {all}\n Trainable params: {}\n", sums[0]);
        text += &format!(" Non-trainable params: {}\n", sums[1]);
        if let Some(optimizer) = optimizer {
            text += &format!(" Optimizer params: {optimizer}\n");
        }
        text
    }

    /// The states of the optimizer, once there are any.
    fn optimizer_total(&self) -> Option<Total> {
        let own = self.compiled.as_ref()?.optimizer_states.as_ref()?;
        let mut total = Total::default();
        own.types().iter().for_each(|ty| total.add(&ty.shape, ty.dtype.size_bytes()));
        Some(total)
    }

    /// Prints [`Model::summary`] to stdout.
    ///
    /// # Errors
    /// A model whose input is given but whose layers do not fit it.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// let mut model = Sequential::new().input([4]).add(Dense::new(3));
    /// model.print_summary()?; // ... Total params: 15 (60.00 B)
    /// assert!(model.summary().contains("Total params: 15 (60.00 B)"));
    /// # Ok::<(), kerros::Error>(())
    /// ```
    pub fn print_summary(&mut self) -> Result<()> {
        if !self.network.inputs.is_empty() {
            self.build_with(&[])?;
        }
        println!("{}", self.summary());
        Ok(())
    }
}

/// A number of parameters and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    count: usize,
    bytes: usize,
}

impl Total {
    fn add(&mut self, shape: &Shape, size_bytes: usize) {
        self.count += shape.num_elements();
        self.bytes += shape.num_elements() * size_bytes;
    }

    fn and(self, other: Total) -> Total {
        Total { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut size = self.bytes as f64;
        let mut units = ["B", "KB", "MB", "GB", "TB"].into_iter().peekable();
        while size >= 1024.0 && units.len() > 1 {
            size /= 1024.0;
            units.next();
        }
        write!(f, "{} ({size:.2} {})", grouped(self.count), units.next().unwrap_or("TB"))
    }
}

/// A number with a comma between each three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A shape with the batch axis, as Keras prints it.
fn with_batch(shape: &PartialShape, batch: Option<usize>) -> String {
    let dim = |dim: &Option<usize>| dim.map_or("None".into(), |dim: usize| dim.to_string());
    let dims: Vec<String> =
        std::iter::once(dim(&batch)).chain(shape.dims().iter().map(dim)).collect();
    format!("({})", dims.join(", "))
}

fn line(left: char, middle: char, right: char, fill: char) -> String {
    let bars = WIDTHS.map(|width| fill.to_string().repeat(width));
    format!("{left}{}{right}\n", bars.join(&middle.to_string()))
}

/// A row; texts that are too long go on in further lines.
fn row(texts: [&str; 3], border: char) -> String {
    let cells: Vec<Vec<String>> =
        texts.iter().zip(WIDTHS).map(|(text, width)| wrap(text, width - 2)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    let mut lines = String::new();
    for at in 0..height {
        for (column, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
            let text = cell.get(at).map_or("", String::as_str);
            let width = width - 2;
            lines += &match column {
                2 => format!("{border} {text:>width$} "),
                _ => format!("{border} {text:<width$} "),
            };
        }
        lines += &format!("{border}\n");
    }
    lines
}

/// Words in lines of at most `width` characters; longer words are cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut chars: Vec<char> = word.chars().collect();
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + chars.len() > width {
            lines.push(String::new());
        } else if last > 0 {
            lines.last_mut().expect("there is a line").push(' ');
        }
        while chars.len() > width {
            let rest = chars.split_off(width);
            lines.last_mut().expect("there is a line").extend(chars);
            lines.push(String::new());
            chars = rest;
        }
        lines.last_mut().expect("there is a line").extend(chars);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_sizes_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(4810), "4,810");
        assert_eq!(grouped(1234567), "1,234,567");
        assert_eq!(Total { count: 4810, bytes: 19240 }.to_string(), "4,810 (18.79 KB)");
        assert_eq!(Total::default().to_string(), "0 (0.00 B)");
    }

    #[test]
    fn long_names_go_on_in_the_next_line() {
        assert_eq!(wrap("name (Type)", 8), ["name", "(Type)"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }
}
