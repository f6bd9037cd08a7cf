"""Makes the files that the archive tests read, with real Keras and h5py.

Run by hand, `KERAS_BACKEND=jax python make_fixtures.py` in this folder; neither building nor
testing needs it. Made with Keras 3.15.1, h5py 3.14.0 (HDF5 1.14.6), NumPy 2.4.6, jax 0.10.2.
`small.keras` is a model whose every number follows a formula, so that the test can compute what
it must read. `types.weights.h5` has each element type. The files in `hostile/` are what a reader
must refuse; they are valid HDF5.
"""

import os

import h5py
import keras
import ml_dtypes
import numpy as np

os.makedirs("hostile", exist_ok=True)


def small():
    model = keras.Sequential(
        [
            keras.layers.Input((4,), name="input"),
            keras.layers.Dense(3, activation="relu", name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(2, name="second"),
        ],
        name="small",
    )
    model.compile(keras.optimizers.Adam(0.25), "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    for start, variables in [(0, model.variables), (100, model.optimizer.variables[2:])]:
        for index, variable in enumerate(variables):
            count = int(np.prod(variable.shape))
            values = (start + index + np.arange(count) / 8).reshape(variable.shape)
            variable.assign(values.astype(variable.dtype))
    model.optimizer.iterations.assign(7)
    model.save("small.keras")


def types():
    with h5py.File("types.weights.h5", "w") as file:
        group = file.create_group("layers/some_layer/vars")
        group.attrs["name"] = "naïve name"
        group.attrs["weight_names"] = ["kernel:0", "bias:0"]
        group.attrs["fixed"] = np.array([b"ab", b"cde"])
        group.attrs["number"] = 3
        for number, dtype in enumerate(
            "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 bool".split()
        ):
            group[str(number)] = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
        bfloat16 = np.array([1.5, -2.0, 3.140625], ml_dtypes.bfloat16)
        group.create_dataset("11", data=bfloat16).attrs["dtype"] = "bfloat16"
        group["12"] = np.array([1.5, -2.0], ">f4")
        group["13"] = np.array([1, -2], ">i8")
        group["scalar"] = np.float32(0.5)
        group["empty"] = np.zeros((0, 4), "float32")
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        dataset = h5py.h5d.create(group.id, b"compact", h5py.h5t.NATIVE_FLOAT, space, compact)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 3], "float32"))


def hostile(name, libver="earliest"):
    return h5py.File(f"hostile/{name}.weights.h5", "w", libver=libver)


def links():
    for libver, version in [("earliest", "old"), ("latest", "new")]:
        with hostile(f"soft_link_{version}", libver) as file:
            file["vars/0"] = np.ones(3, "float32")
            file["vars/1"] = h5py.SoftLink("/vars/0")
        with hostile(f"external_link_{version}", libver) as file:
            file["vars/0"] = np.ones(3, "float32")
            file["vars/1"] = h5py.ExternalLink("/etc/passwd", "/")
        with hostile(f"cycle_{version}", libver) as file:
            group = file.create_group("layers/again")
            group["root"] = file["/"]
        with hostile(f"doubling_{version}", libver) as file:
            # Thirty groups, each there twice in the one above it: 2^30 paths.
            group = file
            for _ in range(30):
                below = group.create_group("a")
                group["b"] = below
                group = below
        with hostile(f"shared_{version}", libver) as file:
            file["0"] = np.ones(4096, "float32")
            for index in range(1, 64):
                file[str(index)] = file["0"]


def storage():
    with hostile("external_storage") as file:
        file.create_dataset("0", (3,), "float32", external=[("/etc/passwd", 0, 12)])
    with hostile("virtual", "latest") as file:
        layout = h5py.VirtualLayout((3,), "float32")
        layout[:] = h5py.VirtualSource("/etc/passwd", "0", (3,))
        file.create_virtual_dataset("0", layout)
    with hostile("unwritten_bomb") as file:
        file.create_dataset("0", (1 << 20, 1 << 20), "float32")
    with hostile("chunked_bomb") as file:
        file.create_dataset("0", (1 << 20, 1 << 20), "float32", chunks=(1024, 1024), compression=9)
    with hostile("complex") as file:
        file["0"] = np.ones(3, "complex64")
    with hostile("uint64") as file:
        file["0"] = np.ones(3, "uint64")
    with hostile("text") as file:
        file["0"] = "text"
    with hostile("opaque") as file:
        file["0"] = np.ones(3, "V2")
    with hostile("deep", "latest") as file:
        file.create_group("/".join("d" * 70))


small()
types()
links()
storage()
