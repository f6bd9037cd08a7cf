//! Curves on the terminal, in braille characters: two dots wide and four high each.

use super::panels::Panel;

/// Characters across the plot of one panel, without its labels.
const WIDTH: usize = 28;
/// Lines of the plot.
const HEIGHT: usize = 8;
/// Characters for the labels of the vertical axis.
const LABEL: usize = 8;
/// Panels side by side; more would not fit 80 columns.
const MOST_PANELS: usize = 2;

/// The first two panels side by side: training as a line, validation as dots.
///
/// `None` when there are fewer than two epochs, or no finite number to draw.
pub fn draw(panels: &[Panel]) -> Option<String> {
    let drawn: Vec<Vec<String>> =
        panels.iter().take(MOST_PANELS).map(draw_panel).collect::<Option<_>>()?;
    let lines = (0..drawn.first()?.len()).map(|line| {
        let parts: Vec<&str> = drawn.iter().map(|panel| panel[line].as_str()).collect();
        parts.join("  ").trim_end().to_string()
    });
    let mut text: Vec<String> = lines.collect();
    if panels.iter().any(|panel| !panel.validation.is_empty()) {
        text.push(format!("{:LABEL$} ⣀⣀⣀ training   ⠄⠄⠄ validation", ""));
    }
    Some(text.join("\n"))
}

fn draw_panel(panel: &Panel) -> Option<Vec<String>> {
    let (low, high) = panel.range()?;
    if panel.num_epochs() < 2 {
        return None;
    }
    let mut dots = Dots::default();
    dots.curve(&panel.train, panel.num_epochs(), (low, high), 1);
    dots.curve(&panel.validation, panel.num_epochs(), (low, high), 3);
    let mut lines = vec![format!("{:LABEL$} {:<WIDTH$}", "", panel.name)];
    for (at, row) in dots.lines().into_iter().enumerate() {
        let label = match at {
            0 => short(high),
            _ if at == HEIGHT - 1 => short(low),
            _ => String::new(),
        };
        lines.push(format!("{label:>LABEL$} {row}"));
    }
    let last = format!("epoch {}", panel.num_epochs());
    let width = WIDTH - 1;
    lines.push(format!("{:LABEL$} 1{last:>width$}", ""));
    Some(lines)
}

/// A number in at most seven characters.
fn short(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(1e-3..1e4).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// A grid of dots, two columns and four rows of them per character.
struct Dots {
    cells: [[u8; WIDTH]; HEIGHT],
}

impl Default for Dots {
    fn default() -> Self {
        Dots { cells: [[0; WIDTH]; HEIGHT] }
    }
}

impl Dots {
    /// Sets the dots of a curve; of the columns only each `every`-th.
    fn curve(&mut self, values: &[f64], num_epochs: usize, (low, high): (f64, f64), every: usize) {
        let (columns, rows) = (2 * WIDTH, 4 * HEIGHT);
        let row_of = |value: f64| {
            let share = (high - value) / (high - low);
            (share * (rows - 1) as f64).round() as usize
        };
        let mut before = None;
        for column in (0..columns).step_by(every) {
            let place = column as f64 / (columns - 1) as f64 * (num_epochs - 1) as f64;
            let row = between(values, place).map(row_of);
            if let Some(row) = row {
                // A steep line has no holes; a dotted one is made of single dots.
                let from = before.filter(|_| every == 1).unwrap_or(row);
                for row in from.min(row)..=from.max(row) {
                    self.set(column, row);
                }
            }
            before = row;
        }
    }

    fn set(&mut self, column: usize, row: usize) {
        // Unicode numbers the dots of a braille character down each column, and added the
        // lowest two later.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        self.cells[row / 4][column / 2] |= BITS[row % 4][column % 2];
    }

    fn lines(&self) -> Vec<String> {
        let letter = |&bits: &u8| char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ');
        self.cells.iter().map(|row| row.iter().map(letter).collect()).collect()
    }
}

/// The value at a place between two epochs, where both are finite.
fn between(values: &[f64], place: f64) -> Option<f64> {
    let before = *values.get(place.floor() as usize)?;
    let after = *values.get(place.ceil() as usize)?;
    let value = before + (after - before) * place.fract();
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(name: &str, train: &[f64], validation: &[f64]) -> Panel {
        Panel { name: name.into(), train: train.to_vec(), validation: validation.to_vec() }
    }

    #[test]
    fn a_falling_line_goes_from_corner_to_corner() {
        let drawn = draw(&[panel("loss", &[1.0, 0.0], &[])]).unwrap();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 2);
        assert_eq!(lines[0].trim(), "loss");
        assert!(lines[1].starts_with("   1.000 ⠙"), "{}", lines[1]);
        assert!(lines[HEIGHT].starts_with("   0.000 "));
        assert!(lines[HEIGHT].ends_with('⢤'), "{}", lines[HEIGHT]);
        assert!(lines[HEIGHT + 1].ends_with("epoch 2"));
    }

    #[test]
    fn two_panels_fit_eighty_columns() {
        let falling: Vec<f64> = (0..30).map(|epoch| 0.9f64.powi(epoch)).collect();
        let panels = [
            panel("loss", &falling, &falling),
            panel("accuracy", &falling, &falling),
            panel("third", &falling, &[]),
        ];
        let drawn = draw(&panels).unwrap();
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        assert!(drawn.contains("accuracy") && !drawn.contains("third"));
        assert!(drawn.ends_with("validation"));
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        assert_eq!(draw(&[panel("loss", &[1.0], &[])]), None);
        assert_eq!(draw(&[panel("loss", &[f64::NAN, f64::NAN], &[])]), None);
        assert!(draw(&[panel("loss", &[1.0, f64::NAN, 0.5], &[])]).is_some());
    }

    #[test]
    fn labels_are_short() {
        for (value, label) in
            [(0.0, "0.000"), (1.5, "1.500"), (123.4, "123.4"), (2.5e-5, "2.5e-5"), (1e6, "1.0e6")]
        {
            assert_eq!(short(value), label);
        }
    }
}
