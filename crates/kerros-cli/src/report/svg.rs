//! Curves as an SVG picture: a panel per number, training and validation.

use plotters::prelude::*;

use super::panels::Panel;

/// The size of one panel in pixels.
const PANEL: (u32, u32) = (560, 360);
/// Panels at most; further metrics are left to the history file.
const MOST_PANELS: usize = 6;

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The picture, or what went wrong in drawing it.
///
/// # Errors
/// What the drawing library reports.
pub fn draw(panels: &[Panel]) -> Result<String, String> {
    let panels: Vec<&Panel> =
        panels.iter().filter(|panel| panel.range().is_some()).take(MOST_PANELS).collect();
    let columns = panels.len().clamp(1, 2);
    let rows = panels.len().div_ceil(columns).max(1);
    let mut text = String::new();
    {
        let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let drawn = || -> Drawn {
            root.fill(&WHITE)?;
            for (panel, area) in panels.iter().zip(root.split_evenly((rows, columns))) {
                draw_panel(panel, &area)?;
            }
            root.present()
        };
        drawn().map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn draw_panel(panel: &Panel, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn {
    const TRAIN: RGBColor = RGBColor(31, 119, 180);
    const VALIDATION: RGBColor = RGBColor(214, 99, 14);
    let Some((low, high)) = panel.range() else { return Ok(()) };
    let margin = (high - low) * 0.05;
    let last = panel.num_epochs().max(2) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.name, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(1.0..last, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, values, colour) in
        [("training", &panel.train, TRAIN), ("validation", &panel.validation, VALIDATION)]
    {
        let points: Vec<(f64, f64)> = (1..)
            .zip(values)
            .filter(|(_, value)| value.is_finite())
            .map(|(epoch, value)| (f64::from(epoch), *value))
            .collect();
        if points.is_empty() {
            continue;
        }
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points, style).point_size(2))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_is_drawn_with_its_curves() {
        let panel = |name: &str, validation: &[f64]| Panel {
            name: name.into(),
            train: vec![1.0, 0.5, f64::NAN, 0.25],
            validation: validation.to_vec(),
        };
        let picture =
            draw(&[panel("loss", &[1.0, 0.75, 0.5, 0.5]), panel("accuracy", &[])]).unwrap();
        assert!(picture.starts_with("<svg"), "{picture}");
        assert!(picture.trim_end().ends_with("</svg>"));
        for word in ["loss", "accuracy", "training", "validation", "epoch"] {
            assert!(picture.contains(word), "{word}");
        }
        assert!(!picture.contains("NaN"));
        // Three curves and their legends.
        assert!(picture.matches("<polyline").count() >= 6);
    }

    #[test]
    fn nothing_to_draw_is_still_a_picture() {
        assert!(draw(&[]).unwrap().starts_with("<svg"));
    }
}
