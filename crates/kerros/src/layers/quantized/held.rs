//! A quantized table as weights of a layer: what is stored, and what it stands for.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::json;

use super::int4::{self, Lines};
use super::settings::Mode;
use super::table::Table;
use super::{Weight, int8};
use crate::initializers::{Draw, Initializer};
use crate::layers::low_rank;
use crate::layers::trained::Trained;
use crate::object::{Config, Described};

/// A table in its mode.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(super) mode: Mode,
    pub(crate) table: Table,
}

/// What a weight is in a quantized layer.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// The table: bytes in files.
    Table(Arc<Held>),
    /// The scales.
    Scales,
    /// What is 0 in each block: bytes in files, but for a layer's second table.
    Zeros {
        /// Whether they are bytes.
        is_byte: bool,
    },
    /// The block of each entry of a line.
    Blocks,
}

impl Role {
    /// Whether files hold it as bytes.
    pub(crate) fn is_byte(&self) -> bool {
        matches!(self, Role::Table(_) | Role::Zeros { is_byte: true })
    }

    /// Whether files have it before the layer's other weights, which are trained and come first in
    /// Keras's lists of weights.
    pub(crate) fn comes_first(&self) -> bool {
        matches!(self, Role::Table(held) if !held.table.is_second)
    }
}

impl Held {
    /// A table in this mode.
    ///
    /// # Errors
    /// One of more numbers than a machine could address.
    pub(super) fn new(mode: &Mode, table: Table) -> Result<Self> {
        table.check()?;
        Ok(Held { mode: mode.clone(), table })
    }

    fn block(&self) -> Option<usize> {
        match self.mode {
            Mode::Int8 => None,
            Mode::Int4 { block, .. } => block,
        }
    }

    fn lines(&self) -> Lines {
        Lines { matrix: self.table.matrix(), along: self.table.along }
    }

    /// How many weights describe the table.
    pub(crate) fn num_ranges(&self) -> usize {
        match (self.block(), self.table.is_second) {
            (None, _) => 1,
            (Some(_), false) => 3,
            (Some(_), true) => 2,
        }
    }

    /// The table and what describes it, of a layer's weights of which the first is the table and
    /// those from `ranges` on describe it.
    pub(crate) fn of<'g>(&self, weights: &[Node<'g>], ranges: usize) -> Vec<Node<'g>> {
        [&weights[..1], &weights[ranges..ranges + self.num_ranges()]].concat()
    }

    /// The shape of what is stored: with half the length along one axis for `int4`.
    fn stored_shape(&self) -> Vec<usize> {
        match self.mode {
            Mode::Int8 => self.table.shape().to_vec(),
            Mode::Int4 { .. } => {
                let mut dims = self.table.matrix();
                dims[self.table.packed] = dims[self.table.packed].div_ceil(2);
                dims.to_vec()
            }
        }
    }

    /// The shape of the scales.
    fn scale_shape(&self) -> Vec<usize> {
        let (mut matrix, along) = (self.table.matrix(), self.table.along);
        match (&self.mode, self.block()) {
            (Mode::Int8, _) => self.table.scale.clone(),
            (_, None) => vec![matrix[1 - along]],
            (_, Some(block)) => {
                matrix[along] = matrix[along].div_ceil(block);
                matrix.to_vec()
            }
        }
    }

    /// The table as it is kept, in the place of one of floats, and the weights that describe it.
    pub(super) fn weights(self, float: Weight) -> Result<(Weight, Vec<Weight>)> {
        let name = self.table.name;
        // LoRA's sums change the scales with the table.
        let low_rank = float.low_rank.map(|_| low_rank::Role::Range);
        let weight = |name: String, shape: Vec<usize>, start: &str, role: Role| -> Result<Weight> {
            let start = Trained::new(start).initializer.resolve()?;
            let weight = Weight { trainable: false, ..Weight::new(name, shape, start) };
            Ok(Weight { quantized: Some(role), low_rank, ..weight })
        };
        let mut ranges =
            vec![weight(format!("{name}_scale"), self.scale_shape(), "ones", Role::Scales)?];
        if let Some(block) = self.block() {
            let is_byte = !self.table.is_second;
            let zeros = Role::Zeros { is_byte };
            ranges.push(weight(format!("{name}_zero"), self.scale_shape(), "zeros", zeros)?);
            if !self.table.is_second {
                let length = self.table.matrix()[self.table.along];
                let blocks = Weight::new("g_idx", [length], Arc::new(BlockOfEach { block }));
                let role = Some(Role::Blocks);
                ranges.push(Weight { trainable: false, quantized: role, ..blocks });
            }
        }
        let low_rank = float.low_rank;
        let shape = self.stored_shape();
        let table = weight(name.to_owned(), shape, "zeros", Role::Table(Arc::new(self)))?;
        Ok((Weight { low_rank, ..table }, ranges))
    }

    /// The whole numbers, in the shape of the float table.
    pub(super) fn whole<'g>(&self, stored: Node<'g>) -> Node<'g> {
        match self.mode {
            Mode::Int8 => stored,
            Mode::Int4 { .. } => self.matrix(stored).reshape(self.table.shape()),
        }
    }

    /// The whole numbers of `int4` as a matrix.
    fn matrix<'g>(&self, stored: Node<'g>) -> Node<'g> {
        let axis = self.table.packed;
        int4::unpack(stored, axis, self.table.matrix()[axis])
    }

    /// The scales, as products with the whole numbers are divided by them.
    pub(super) fn scale<'g>(&self, weights: &[Node<'g>]) -> Node<'g> {
        weights[1]
    }

    /// Whether products with the whole numbers are divided by the scales: else the table is.
    pub(super) fn divides_products(&self) -> bool {
        match self.mode {
            Mode::Int8 => true,
            Mode::Int4 { block, .. } => block.is_none() && self.table.divides,
        }
    }

    /// The float table.
    pub(super) fn float<'g>(&self, weights: &[Node<'g>]) -> Node<'g> {
        let (stored, scale, along) = (weights[0], weights[1], self.table.along);
        let floats = match (&self.mode, self.block()) {
            (Mode::Int8, _) => return stored / self.table.in_table(scale),
            (_, None) => self.matrix(stored) / scale.expand_dims(along),
            (_, Some(_)) => {
                let (zero, blocks) = (weights[2], weights[3].cast(DType::I32));
                (self.matrix(stored) - zero.gather(blocks, along)) * scale.gather(blocks, along)
            }
        };
        floats.reshape(self.table.shape())
    }

    /// The rows that `take` takes of the float table, of vectors, and of what LoRA adds to it.
    pub(crate) fn rows<'g>(
        &self,
        weights: &[Node<'g>],
        added: Option<Node<'g>>,
        take: &dyn Fn(Node<'g>) -> Node<'g>,
    ) -> Node<'g> {
        let (stored, scale) = (take(weights[0]), take(weights[1]));
        let last = stored.ndim() - 1;
        let whole = match self.mode {
            Mode::Int8 => stored,
            Mode::Int4 { .. } => int4::unpack(stored, last, self.table.matrix()[1]),
        };
        let rows = match self.block() {
            None => whole / scale.expand_dims(last),
            Some(_) => {
                let (zero, blocks) = (take(weights[2]), weights[3].cast(DType::I32));
                (whole - zero.gather(blocks, last)) * scale.gather(blocks, last)
            }
        };
        added.map_or(rows, |added| rows + take(added))
    }

    /// The float table, of values as files hold them.
    fn floats(&self, values: &[&Tensor]) -> Result<Vec<f32>> {
        let value = |at: usize| values[at].as_slice::<f32>();
        let (stored, scales) = (value(0)?, value(1)?);
        if self.mode == Mode::Int8 {
            return Ok(int8::floats(&self.table, stored, scales));
        }
        let lines = self.lines();
        let whole = int4::unpacked(stored, lines.matrix, self.table.packed);
        let blocks = match self.block() {
            None => None,
            Some(_) => Some((value(2)?, value(3)?)),
        };
        Ok(int4::floats(lines, &whole, scales, blocks))
    }

    /// Table, scales and zeros for a float table.
    ///
    /// # Errors
    /// Numbers of another count.
    pub(crate) fn quantize(&self, floats: &[f32]) -> Result<Vec<Tensor>> {
        if self.mode == Mode::Int8 {
            let (whole, scales) = int8::quantize(&self.table, floats);
            let whole = Tensor::new(self.stored_shape(), whole)?;
            return Ok(vec![whole, Tensor::new(self.scale_shape(), scales)?]);
        }
        let lines = self.lines();
        let found = int4::quantize(lines, floats, self.block());
        let bytes = int4::pack(&found.whole, lines.matrix, self.table.packed);
        let mut values = vec![
            Tensor::new(self.stored_shape(), bytes)?,
            Tensor::new(self.scale_shape(), found.scales)?,
        ];
        if self.block().is_some() {
            values.push(Tensor::new(self.scale_shape(), found.zeros)?);
        }
        Ok(values)
    }
}

/// Adds a product to the table that the first of these weights is, and quantizes the sum, as
/// files of Keras 3 hold it: the values behind are its scales and zeros.
///
/// # Errors
/// Values of other shapes than the weights'.
pub(crate) fn merge(held: &Held, product: &[f32], values: &mut [Tensor]) -> Result<()> {
    let count = 1 + held.num_ranges();
    if values.len() < count {
        return Err(Error::new(ErrorKind::Internal, "a table without its scales"));
    }
    // To quantize again what is quantized changes it, above all in blocks of four bits. Keras does
    // so; where nothing was learned the file is better as it was.
    if product.iter().all(|&product| product == 0.0) {
        return Ok(());
    }
    let stored: Vec<&Tensor> = values[..count].iter().collect();
    let mut floats = held.floats(&stored)?;
    if floats.len() != product.len() {
        return Err(Error::new(ErrorKind::Internal, "a product that does not fit its table"));
    }
    floats.iter_mut().zip(product).for_each(|(float, product)| *float += product);
    let found = held.quantize(&floats)?;
    values.iter_mut().zip(found).for_each(|(value, found)| *value = found);
    Ok(())
}

/// `floor(at / block)`: the block of each entry.
#[derive(Clone, Debug)]
struct BlockOfEach {
    block: usize,
}

impl Described for BlockOfEach {
    fn class_name(&self) -> &'static str {
        "BlockOfEach"
    }

    fn config(&self) -> Config {
        Config::from_iter([("block".to_owned(), json!(self.block))])
    }
}

impl Initializer for BlockOfEach {
    fn initialize(&self, shape: &Shape, _draw: Draw) -> Result<Tensor> {
        let blocks = (0..shape.num_elements()).map(|at| (at / self.block) as f32);
        Tensor::new(shape, blocks.collect::<Vec<f32>>())
    }
}
