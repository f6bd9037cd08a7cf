"""The workloads: sizes and data. Everything a peer or Kerros must agree on stands here.

Rows are standard normal, never zeros; the labels can be learned, so that a run which does not
train shows in its loss (see checks.py). NumPy is imported only where data are made: run.py and
report.py read the titles and run under any Python.
"""
from dataclasses import dataclass
from typing import Optional

SEED = 7


@dataclass(frozen=True)
class Workload:
    """One training or inference job.

    `units` are the widths of the Dense layers, input first; of a network that is more than those
    (w3 to w6, in networks.py) the shape of a row.
    """

    name: str
    title: str
    rows: int
    batch_size: int
    units: tuple
    loss: str
    optimizer: str
    epochs: Optional[int] = None  # None: as many as the meter asks for

    @property
    def steps_per_epoch(self):
        return -(-self.rows // self.batch_size)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("w1", "MLP 784-64-64-10, batch 32, Adam, accuracy", 60_000, 32,
                 (784, 64, 64, 10), "sparse_categorical_crossentropy", "adam"),
        Workload("w3", "convnet on 28x28: Conv 32, pool, Conv 64, pool, Dense 10, batch 128, Adam",
                 2_560, 128, (28, 28, 1), "sparse_categorical_crossentropy", "adam"),
        Workload("w4", "ResNet-20 on 32x32x3, batch 128, SGD with momentum", 640, 128,
                 (32, 32, 3), "sparse_categorical_crossentropy", "momentum"),
        Workload("w5", "Embedding(20000, 128)-LSTM(128)-Dense 1, length 80, batch 32, Adam", 640, 32,
                 (80,), "binary_crossentropy", "adam"),
        Workload("w6", "GPT: 4 blocks, d 256, 4 heads, length 128, vocabulary 8000, batch 16, AdamW",
                 64, 16, (128,), "sparse_categorical_crossentropy", "adamw"),
        Workload("w7", "tabular 28-256-256-1, batch 4096, Adam, accuracy", 1_000_000, 4096,
                 (28, 256, 256, 1), "binary_crossentropy", "adam"),
        Workload("w8", "linear regression, 1000 epochs of 100 samples, batch 32, SGD", 100, 32,
                 (1, 1), "mse", "sgd", epochs=1000),
        Workload("w9a", "one prediction of the MLP of w1, batch 1, on a loaded model", 1024, 1,
                 (784, 64, 64, 10), "none", "none"),
    )
}

# Keras's defaults, which every peer is set to.
ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
SGD = {"learning_rate": 1e-2}


def make_data(workload):
    """`x: [rows, features]` float32 and the labels `y` (w9a has none).

    w1, w3, w4: y = position of the largest of the first ten numbers of a row, int32.
    w5: words; y = 1 if the last is below 10,000, float32.
    w6: words, each of which follows from the one before; y = the next word, int32.
    w7: y = 1 if the first four features and a normal noise sum to more than 0, float32.
    w8: y = 2 x + 1 + 0.1 noise, [rows, 1].
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    rows, features = workload.rows, workload.units[0]
    if workload.name in ("w3", "w4"):
        x = rng.standard_normal((rows, *workload.units), dtype=np.float32)
        return x, x.reshape(rows, -1)[:, :10].argmax(1).astype(np.int32)
    if workload.name == "w5":
        x = rng.integers(0, 20_000, (rows, features), dtype=np.int32)
        return x, (x[:, -1] < 10_000).astype(np.float32)
    if workload.name == "w6":
        words = rng.integers(0, 8_000, (rows, features + 1), dtype=np.int32)
        for at in range(1, features + 1):
            words[:, at] = (words[:, at - 1] * 5 + 7) % 8_000
        return words[:, :-1].copy(), words[:, 1:].copy()
    x = rng.standard_normal((rows, features), dtype=np.float32)
    if workload.name == "w1":
        return x, x[:, :10].argmax(1).astype(np.int32)
    if workload.name == "w7":
        noise = rng.standard_normal(rows, dtype=np.float32)
        return x, (x[:, :4].sum(1) + noise > 0).astype(np.float32)
    if workload.name == "w8":
        noise = rng.standard_normal((rows, 1), dtype=np.float32)
        return x, np.float32(2.0) * x + np.float32(1.0) + np.float32(0.1) * noise
    return x, None


def start_weights(workload):
    """Glorot-uniform kernels [in, units] and zero biases: the start that Keras's Dense has."""
    import numpy as np

    rng = np.random.default_rng(SEED + 1)
    weights = []
    for fan_in, units in zip(workload.units, workload.units[1:]):
        limit = np.sqrt(6.0 / (fan_in + units))
        kernel = rng.uniform(-limit, limit, (fan_in, units)).astype(np.float32)
        weights.append((kernel, np.zeros(units, np.float32)))
    return weights


def reference_probabilities(weights, x):
    """The prediction of w9a in float64: relu, relu, softmax."""
    import numpy as np

    h = x.astype(np.float64)
    for kernel, bias in weights[:-1]:
        h = np.maximum(h @ kernel + bias, 0.0)
    kernel, bias = weights[-1]
    logits = h @ kernel + bias
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
