//! Which places may be attended to.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::{Graph, Node};

use crate::layers::Call;

/// Whether place `row` may look at place `column`, for all of both: `bool [1, rows, columns]`.
fn pairs<'g>(
    graph: &'g Graph,
    (rows, columns): (usize, usize),
    may: impl Fn(Node<'g>, Node<'g>) -> Node<'g>,
) -> Node<'g> {
    let row = graph.iota(rows).reshape([1, rows, 1]).broadcast_to([1, rows, columns]);
    let column = graph.iota(columns).reshape([1, 1, columns]).broadcast_to([1, rows, columns]);
    may(row, column)
}

/// No place looks at a later one: `bool [1, rows, columns]`.
pub(super) fn causal<'g>(graph: &'g Graph, sizes: (usize, usize)) -> Node<'g> {
    pairs(graph, sizes, |row, column| column.less_equal(row))
}

/// No place looks farther than `window - 1` places: `bool [1, rows, columns]`.
fn window<'g>(graph: &'g Graph, sizes: (usize, usize), window: usize) -> Node<'g> {
    let window = graph.constant_i32(window.min(i32::MAX as usize) as i32);
    pairs(graph, sizes, |row, column| {
        (row - column).less(window).logical_and((column - row).less(window))
    })
}

/// What queries see.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'g> {
    /// Everything.
    All,
    /// What does not come later.
    Before,
    /// What a mask says: `bool [batch or 1, query, key]`, or with heads after the batch.
    By(Node<'g>),
}

/// What the layers with heads are called with.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadInputs<'g> {
    pub(super) query: Node<'g>,
    pub(super) value: Node<'g>,
    pub(super) key: Node<'g>,
    masks: [Option<Node<'g>>; 3],
    attention_mask: Option<Node<'g>>,
}

/// The parameters of their call that are tensors.
pub(super) const PARAMETERS: &[&str] =
    &["query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"];

/// Those of which weights depend on the shape.
pub(super) const BUILT_FROM: &[&str] = &["query", "value", "key"];

impl<'g> HeadInputs<'g> {
    /// Finds the inputs; the key is the value where none is given. Where a layer does not heed the
    /// argument `query_mask`, only the mask that came with the query counts.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] without a query or a value.
    pub(super) fn of(call: &Call<'_, 'g>, heeds_query_mask: bool) -> Result<Self> {
        let one = |name: &str| call.tensors(name).first().copied();
        let (Some(query), Some(value)) = (one("query"), one("value")) else {
            return Err(Error::new(
                ErrorKind::Argument,
                "a call without a query, or without a value",
            )
            .expected("both: `layer.on(arguments([&query, &value]))`"));
        };
        let key = one("key");
        let came = |at: usize| call.masks.get(at).copied().flatten();
        let mask = |name: &str, at: usize| one(name).or_else(|| came(at));
        let masks = [
            if heeds_query_mask { mask("query_mask", 0) } else { came(0) },
            mask("value_mask", 1),
            one("key_mask").or_else(|| key.and_then(|_| came(2))),
        ];
        let attention_mask = one("attention_mask");
        Ok(HeadInputs { query, value, key: key.unwrap_or(value), masks, attention_mask })
    }

    /// All masks as one: where both a query and what it looks at count, and the layer is allowed
    /// to look.
    pub(super) fn seen(&self, call: &Call<'_, 'g>, sliding_window: Option<usize>) -> Seen<'g> {
        let graph = self.query.graph();
        let sizes = (self.query.shape()[1], self.value.shape()[1]);
        let truth = |mask: Node<'g>| mask.cast(DType::Bool);
        let [query, value, key] = self.masks.map(|mask| mask.map(truth));
        let column = |mask: Node<'g>| mask.expand_dims(mask.ndim() - 1);
        let is_causal = call.flag("use_causal_mask");
        let others = [
            self.attention_mask.map(truth),
            query.map(|mask| mask.expand_dims(mask.ndim())),
            value.map(column),
            key.map(column),
            sliding_window.map(|length| window(graph, sizes, length)),
        ];
        match others.into_iter().flatten().reduce(|a, b| a.logical_and(b)) {
            None if is_causal => Seen::Before,
            None => Seen::All,
            Some(mask) if is_causal => Seen::By(mask.logical_and(causal(graph, sizes))),
            Some(mask) => Seen::By(mask),
        }
    }
}
