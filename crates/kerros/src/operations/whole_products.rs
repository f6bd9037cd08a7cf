//! Products of matrices of whole numbers, which no float would hold.

use kerros_core::DType;
use kerros_graph::Node;

/// How many products are held at once.
const MAX_PRODUCTS: usize = 1 << 22;

/// The product over the last two axes, either transposed, of floats or of whole numbers; leading
/// axes broadcast. Sums of whole numbers wrap as those of JAX do.
#[track_caller]
pub(crate) fn matmul_with<'g>(
    a: Node<'g>,
    b: Node<'g>,
    transpose_a: bool,
    transpose_b: bool,
) -> Node<'g> {
    if a.dtype() != DType::I32 || b.dtype() != DType::I32 || a.ndim() < 2 || b.ndim() < 2 {
        let [a, b] = [a, b].map(|x| x.cast(DType::F32));
        return a.matmul_with(b, transpose_a, transpose_b);
    }
    let turned = |x: Node<'g>, is_turned: bool| {
        let mut order: Vec<usize> = (0..x.ndim()).collect();
        if is_turned {
            order.swap(x.ndim() - 2, x.ndim() - 1);
        }
        x.transpose(&order)
    };
    let (a, b) = (turned(a, transpose_a), turned(b, !transpose_b));
    let (m, n, k) = (a.shape()[a.ndim() - 2], b.shape()[b.ndim() - 2], a.shape().last());
    if k != b.shape().last() || k == 0 {
        // It fails, and says why.
        let [a, b] = [a, b].map(|x| x.cast(DType::F32));
        return a.matmul_with(b, false, true).cast(DType::I32);
    }
    // [.., m, 1, k] and [.., 1, n, k]
    let (a, b) = (a.expand_dims(a.ndim() - 1), b.expand_dims(b.ndim() - 2));
    let batch = a.shape().num_elements() / (m * k).max(1);
    let others = b.shape().num_elements() / (n * k).max(1);
    let at_once = (MAX_PRODUCTS / (batch.max(others) * m * n).max(1)).clamp(1, k);
    let parts = (0..k).step_by(at_once).map(|start| {
        let cut = |x: Node<'g>| x.slice(x.ndim() - 1, start, (start + at_once).min(k));
        (cut(a) * cut(b)).sum(&[-1])
    });
    parts.reduce(|sum, part| sum + part).unwrap_or(a)
}
