//! `keras.ops.image.map_coordinates` and its like: arrays read at places between their entries.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;

use super::kind::{Operands, kinds};
use super::linear_algebra::solved_equations;

/// How an array is read between its entries and outside.
struct Reading {
    is_linear: bool,
    fill_mode: String,
    fill_value: f32,
}

/// An entry near a place along an axis: its number, whether it is there, and how much it counts.
struct Near<'g> {
    at: Node<'g>,
    is_inside: Option<Node<'g>>,
    weight: Option<Node<'g>>,
}

fn modulo(x: Node<'_>, period: f32) -> Node<'_> {
    x - (x / period).floor() * period
}

/// The nearest whole number, halves away from 0.
fn rounded(x: Node<'_>) -> Node<'_> {
    let size = x.abs();
    let down = size.floor();
    let rounded = (size - down).greater_equal(0.5).select(down + 1.0, down);
    x.less(0.0).select(-rounded, rounded)
}

impl Reading {
    fn new(operands: &Operands<'_, '_>, is_linear: bool, fill_mode: &str) -> Result<Self> {
        if !["constant", "nearest", "wrap", "mirror", "reflect"].contains(&fill_mode) {
            return Err(operands.wrong("fill_mode", "constant, nearest, wrap, mirror or reflect"));
        }
        let fill_value = operands.number("fill_value")? as f32;
        Ok(Reading { is_linear, fill_mode: fill_mode.into(), fill_value })
    }

    fn of_images(operands: &Operands<'_, '_>, fill_mode: &str) -> Result<Self> {
        let is_linear = match operands.value("interpolation").as_str() {
            Some("bilinear") => true,
            Some("nearest") => false,
            _ => return Err(operands.wrong("interpolation", "\"nearest\" or \"bilinear\"")),
        };
        Reading::new(operands, is_linear, fill_mode)
    }

    /// The entry of an axis of this length that stands for one at a place that may be outside.
    fn near<'g>(&self, place: Node<'g>, length: usize, weight: Option<Node<'g>>) -> Near<'g> {
        let size = length as f32;
        let mirrored = |place: Node<'g>, size: f32| match size > 1.0 {
            true => (modulo(place + (size - 1.0), 2.0 * size - 2.0) - (size - 1.0)).abs(),
            false => place * 0.0,
        };
        let inside = match self.fill_mode.as_str() {
            "wrap" => modulo(place, size),
            "mirror" => mirrored(place, size),
            "reflect" => ((mirrored(place * 2.0 + 1.0, 2.0 * size + 1.0) - 1.0) * 0.5).floor(),
            _ => place,
        };
        let is_constant = self.fill_mode == "constant";
        let is_inside =
            is_constant.then(|| place.greater_equal(0.0).logical_and(place.less_equal(size - 1.0)));
        Near { at: inside.clip(0.0, size - 1.0).cast(DType::I32), is_inside, weight }
    }

    /// `x: [arrays, lengths..]` read at `[arrays or 1, places..]` along each of the lengths.
    fn read<'g>(&self, x: Node<'g>, places: &[Node<'g>]) -> Node<'g> {
        let (shape, graph) = (x.shape(), x.graph());
        let strides = shape.strides();
        let ndim = places[0].ndim();
        let arrays = graph.iota(shape[0]) * strides[0] as f32;
        let arrays = arrays.reshape([&[shape[0]], &vec![1; ndim - 1][..]].concat());
        let flat = x.reshape([shape.num_elements()]);
        // All combinations of the entries near a place along each axis.
        let mut ways = vec![(arrays, None::<Node<'g>>, None::<Node<'g>>)];
        for (axis, &place) in places.iter().enumerate() {
            let length = shape[axis + 1];
            let near = match self.is_linear {
                false => vec![self.near(rounded(place), length, None)],
                true => {
                    let low = place.floor();
                    // Which entries are near has no derivative, how near they are has.
                    let share = place - low.stop_gradient();
                    vec![
                        self.near(low, length, Some(1.0 - share)),
                        self.near(low + 1.0, length, Some(share)),
                    ]
                }
            };
            let mut longer = Vec::new();
            for (offset, is_inside, weight) in ways {
                for entry in &near {
                    let both =
                        |a: Option<Node<'g>>,
                         b: Option<Node<'g>>,
                         join: fn(Node<'g>, Node<'g>) -> Node<'g>| {
                            match (a, b) {
                                (Some(a), Some(b)) => Some(join(a, b)),
                                (a, b) => a.or(b),
                            }
                        };
                    longer.push((
                        offset + entry.at * strides[axis + 1] as f32,
                        both(is_inside, entry.is_inside, |a, b| a.logical_and(b)),
                        both(weight, entry.weight, |a, b| a * b),
                    ));
                }
            }
            ways = longer;
        }
        let values = ways.into_iter().map(|(at, is_inside, weight)| {
            let value = flat.gather(at, 0);
            let value =
                is_inside.map_or(value, |is_inside| is_inside.select(value, self.fill_value));
            weight.map_or(value, |weight| weight * value)
        });
        values.reduce(|sum, value| sum + value).unwrap_or(x)
    }
}

/// How many axes an array may have: each doubles what is read.
const MAX_AXES: usize = 8;

fn map_coordinates<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, places) = (operands.node("inputs")?, operands.float("coordinates")?);
    let axes = x.ndim();
    let fits = (1..=MAX_AXES).contains(&axes) && places.shape().first() == Some(&axes);
    if !fits || places.ndim() < 2 || x.shape().num_elements() == 0 {
        let shapes = format!("coordinates of shape {} for {}", places.shape(), x.shape());
        return Err(Error::new(ErrorKind::Shape, shapes)
            .expected(format!("a row for each axis of the inputs, 1 to {MAX_AXES}")));
    }
    let is_linear = match operands.whole("order")? {
        0 => false,
        1 => true,
        _ => return Err(operands.wrong("order", "0 or 1")),
    };
    let fill_mode = operands.value("fill_mode").as_str().unwrap_or_default();
    let reading = Reading::new(operands, is_linear, fill_mode)?;
    let row = |axis: usize| places.slice(0, axis, axis + 1);
    let one = x.cast(DType::F32).expand_dims(0);
    let read = reading.read(one, &(0..axes).map(row).collect::<Vec<_>>());
    let read = read.reshape(&places.shape()[1..]);
    Ok(vec![match x.dtype() {
        DType::F32 => read,
        other => rounded(read).cast(other),
    }])
}

/// Images as `[images, height, width, channels]`.
struct Images<'g> {
    x: Node<'g>,
    is_single: bool,
    is_first: bool,
}

impl<'g> Images<'g> {
    fn new(x: Node<'g>, operands: &Operands<'_, 'g>) -> Result<Self> {
        let is_single = x.ndim() == 3;
        if ![3, 4].contains(&x.ndim()) || x.shape().num_elements() == 0 {
            return Err(Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
                .expected("three axes, or four of several images"));
        }
        let is_first = operands.value("data_format") == "channels_first";
        let x = if is_single { x.expand_dims(0) } else { x };
        let x = if is_first { x.transpose(&[0, 2, 3, 1]) } else { x };
        Ok(Images { x: x.cast(DType::F32), is_single, is_first })
    }

    fn back(&self, made: Node<'g>) -> Vec<Node<'g>> {
        let made = if self.is_first { made.transpose(&[0, 3, 1, 2]) } else { made };
        vec![if self.is_single { made.reshape(&made.shape()[1..]) } else { made }]
    }

    /// Numbers of each image, `[images or 1, .., count]`, as columns of `[images or 1, 1, 1, 1]`.
    fn numbers(&self, x: Node<'g>, count: usize, name: &str) -> Result<Vec<Node<'g>>> {
        let x = if x.ndim() == 1 { x.expand_dims(0) } else { x };
        let images = self.x.shape()[0];
        if x.ndim() != 2 || ![1, images].contains(&x.shape()[0]) || x.shape()[1] != count {
            let shapes = format!("`{name}` of shape {} for {images} images", x.shape());
            return Err(Error::new(ErrorKind::Shape, shapes)
                .expected(format!("{count} numbers, or as many for each image")));
        }
        let number = |at: usize| x.slice(1, at, at + 1).reshape([x.shape()[0], 1, 1, 1]);
        Ok((0..count).map(number).collect())
    }

    /// The numbers of rows, columns and channels, each along its axis.
    fn lines(&self) -> [Node<'g>; 3] {
        let (graph, shape) = (self.x.graph(), self.x.shape());
        let line = |axis: usize| {
            let mut dims = [1; 4];
            dims[axis] = shape[axis];
            graph.iota(shape[axis]).cast(DType::F32).reshape(dims)
        };
        [line(1), line(2), line(3)]
    }

    fn spread(&self, place: Node<'g>) -> Node<'g> {
        place.broadcast_to(self.x.shape())
    }
}

/// Images moved, turned and stretched by eight numbers each.
fn affine_transform<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Images::new(operands.node("images")?, operands)?;
    let fill_mode = operands.value("fill_mode").as_str().unwrap_or_default();
    let reading = Reading::of_images(operands, fill_mode)?;
    let numbers = images.numbers(operands.float("transform")?, 8, "transform")?;
    let [a0, a1, a2, b0, b1, b2, c0, c1] = numbers[..] else {
        return Err(operands.wrong("transform", "eight numbers"));
    };
    let [row, column, channel] = images.lines();
    // As in Keras the last two numbers move by the channel.
    let places = [
        row * b1 + column * b0 + channel * c0 + b2,
        row * a1 + column * a0 + channel * c1 + a2,
        channel,
    ];
    Ok(images.back(reading.read(images.x, &places.map(|place| images.spread(place)))))
}

/// Images of which four points move to four others, seen from elsewhere.
fn perspective_transform<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Images::new(operands.node("images")?, operands)?;
    let reading = Reading::of_images(operands, "constant")?;
    let points = |name: &str| -> Result<Node<'g>> {
        let x = operands.float(name)?;
        let x = if x.ndim() == 2 { x.expand_dims(0) } else { x };
        match x.shape()[..] {
            [_, 4, 2] => Ok(x),
            _ => Err(Error::new(ErrorKind::Shape, format!("`{name}` of shape {}", x.shape()))
                .expected("four points of two numbers, or as many for each image")),
        }
    };
    let (start, end) = (points("start_points")?, points("end_points")?);
    if start.shape() != end.shape() {
        let shapes = format!("points of shapes {} and {}", start.shape(), end.shape());
        return Err(Error::new(ErrorKind::Shape, shapes).expected("one shape"));
    }
    let count = start.shape()[0];
    let coordinate = |x: Node<'g>, at: usize| x.slice(2, at, at + 1); // [count, 4, 1]
    let (x, y) = (coordinate(end, 0), coordinate(end, 1));
    let (zeros, ones) = (x.graph().full([count, 4, 3], 0.0), x.graph().full([count, 4, 1], 1.0));
    let beside = Node::concat(&[x, y, ones], 2);
    let row = |at: usize| {
        let from = coordinate(start, at);
        let own = if at == 0 { [beside, zeros] } else { [zeros, beside] };
        Node::concat(&[own[0], own[1], -from * x, -from * y], 2)
    };
    let matrix = Node::concat(&[row(0), row(1)], 1); // [count, 8, 8]
    let right = Node::concat(&[coordinate(start, 0), coordinate(start, 1)], 1);
    let numbers = solved_equations(matrix, right).reshape([count, 8]);
    let h = images.numbers(numbers, 8, "start_points")?;
    let [row, column, _] = images.lines();
    let depth = h[6] * column + h[7] * row + 1.0;
    let places =
        [(h[3] * column + h[4] * row + h[5]) / depth, (h[0] * column + h[1] * row + h[2]) / depth];
    // The channels are arrays of their own.
    let shape = images.x.shape();
    let (batch, channels) = (shape[0], shape[3]);
    let arrays = images.x.transpose(&[0, 3, 1, 2]).reshape([batch * channels, shape[1], shape[2]]);
    let places = places.map(|place| {
        let each = images.spread(place).transpose(&[0, 3, 1, 2]);
        each.reshape([batch * channels, shape[1], shape[2]])
    });
    let read = reading.read(arrays, &places);
    let read = read.reshape([batch, channels, shape[1], shape[2]]).transpose(&[0, 2, 3, 1]);
    Ok(images.back(read))
}

kinds! { "ops.image";
    MapCoordinates(inputs, coordinates) [order = "!", fill_mode = "\"constant\"", fill_value = "0"]
        => map_coordinates;
    AffineTransform(images, transform) [
        interpolation = "\"bilinear\"", fill_mode = "\"constant\"", fill_value = "0",
        data_format = "null"
    ] => affine_transform;
    PerspectiveTransform(images, start_points, end_points) [
        interpolation = "\"bilinear\"", fill_value = "0", data_format = "null"
    ] => perspective_transform;
}
