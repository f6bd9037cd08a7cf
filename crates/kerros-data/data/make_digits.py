"""Makes the files of the built-in datasets from the copies that scikit-learn ships.

Run from any folder with a Python that has scikit-learn (made with 1.9.1):

    python make_digits.py

It writes, next to itself, `digits.bin`, `iris.bin`, `wine.bin` and `breast_cancer.bin`, and
prints for each the facts that the Rust tests assert. Layout, all little-endian, no header (the
numbers of rows and columns stand in `src/datasets/`):

    labels    rows bytes, one class each
    features  digits: rows * 64 numbers of 5 bits, row by row, lowest bit first
              others: rows * columns float32, row by row
"""

import pathlib

import numpy as np
import sklearn
from sklearn import datasets

FOLDER = pathlib.Path(__file__).resolve().parent


def pack_5_bits(values):
    """The values 0..31 as 5 bits each, the lowest bit of the first value first."""
    bits = (values.reshape(-1, 1) >> np.arange(5)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def write(name, x, y):
    assert y.min() >= 0 and y.max() < 256
    if name == "digits":
        assert (x == np.floor(x)).all() and x.min() == 0 and x.max() == 16
        features = pack_5_bits(x.astype(np.uint8))
    else:
        features = x.astype("<f4").tobytes()
    (FOLDER / f"{name}.bin").write_bytes(y.astype(np.uint8).tobytes() + features)
    x32 = x.astype(np.float32).astype(np.float64)
    print(
        f"{name}: {x.shape[0]} x {x.shape[1]}, rows of each class {np.bincount(y).tolist()}, "
        f"sum {x32.sum():.6f}, sum of index-weighted features "
        f"{(x32 * (np.arange(x.size).reshape(x.shape) % 97)).sum():.6f}, "
        f"sum of index-weighted labels {int((y * np.arange(len(y))).sum())}, "
        f"feature names {[str(feature) for feature in LOADERS[name]().feature_names]}"
    )


LOADERS = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
}

if __name__ == "__main__":
    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")
    for name, load in LOADERS.items():
        bunch = load()
        write(name, bunch.data, bunch.target)
