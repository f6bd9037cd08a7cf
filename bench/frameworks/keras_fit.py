"""Keras on TensorFlow and on JAX: `model.fit` and `model.predict` with their defaults, verbose=0.

No seed is set: with one, Keras on TensorFlow draws the same order of rows in every epoch, which is
another job (w8 then ends beside the least-squares line).

keras-tf-function (w9a only) calls the loaded model through `tf.function` instead of `predict`.
"""
import os
import tempfile
import time

from frameworks import keras_networks


def start(framework, threads):
    """Sets the backend and its threads before Keras is imported; returns the versions."""
    backend = {"keras-tf": "tensorflow", "keras-tf-function": "tensorflow", "keras-jax": "jax"}[framework]
    os.environ["KERAS_BACKEND"] = backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        versions = {"tensorflow": tf.__version__}
    else:
        import jax  # its pool has one thread per core this process may use

        versions = {"jax": jax.__version__}
    import keras

    return {**versions, "keras": keras.__version__}


def make_model(workload):
    import keras

    if workload.name in keras_networks.NETWORKS:
        return keras_networks.NETWORKS[workload.name](keras)
    last = {"w7": "sigmoid", "w8": None}.get(workload.name, "softmax")
    activations = ["relu"] * (len(workload.units) - 2) + [last]
    model = keras.Sequential([keras.Input((workload.units[0],))])
    for units, activation in zip(workload.units[1:], activations):
        model.add(keras.layers.Dense(units, activation=activation))
    return model


def run(framework, workload, threads, data, record):
    record.fields["versions"] = start(framework, threads)
    if workload.name == "w9a":
        return predict(framework, workload, data[0], record)
    if workload.name == "w8":
        return fit_line(workload, data, record)
    train(workload, data, record)


def train(workload, data, record):
    import keras

    x, y = data
    model = make_model(workload)
    optimizer = keras_networks.optimizer(keras, workload.optimizer)
    loss = keras_networks.loss(keras, workload)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    size = workload.batch_size
    model.fit(x[:size], y[:size], batch_size=size, verbose=0)
    record.first_step()

    class EpochClock(keras.callbacks.Callback):
        """From the end of one epoch to the end of the next: shuffling and bookkeeping included."""

        ended = None

        def on_epoch_end(self, epoch, logs=None):
            now = time.perf_counter()
            if self.ended is None:
                record.first_epoch(logs["loss"], logs["accuracy"])
            else:
                record.add_window(len(x), now - self.ended)
            self.model.stop_training = record.enough
            self.ended = now

    model.fit(x, y, batch_size=size, epochs=1_000_000, verbose=0, callbacks=[EpochClock()])


def fit_line(workload, data, record):
    x, y = data

    def fit():
        model = make_model(workload)
        model.compile(optimizer=workload.optimizer, loss=workload.loss)
        model.fit(x, y, batch_size=workload.batch_size, epochs=workload.epochs, verbose=0)
        kernel, bias = model.get_weights()
        return kernel[0, 0], bias[0]

    record.measure_fit(fit)


def predict(framework, workload, x, record):
    import keras
    import numpy as np
    import workloads

    weights = workloads.start_weights(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "w1.keras")

        def save():
            model = make_model(workload)
            model.set_weights([array for pair in weights for array in pair])
            model.save(path)

        record.preparing(save)
        model = keras.saving.load_model(path)
    if framework == "keras-tf-function":
        import tensorflow as tf

        compiled = tf.function(lambda t: model(t, training=False))
        call = lambda row: compiled(tf.constant(row)).numpy()
    else:
        call = lambda row: np.asarray(model.predict(row, verbose=0))
    record.measure_calls(call, x, workloads.reference_probabilities(weights, x))
