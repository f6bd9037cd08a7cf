"""scikit-learn: `MLPClassifier.partial_fit`, one epoch per call (w1, w7); `MLPRegressor` without a
hidden layer (w8); `predict_proba` (w9a). No L2 term, so that the problem is that of the others.

It computes no accuracy while it trains, which is in its favour. Its squared loss carries a factor
1/2, so w8's learning rate is doubled.
"""
import os
import pickle
import tempfile
import warnings

import numpy as np
import workloads


def make_classifier(workload, batch_size):
    from sklearn.neural_network import MLPClassifier

    adam = workloads.ADAM
    return MLPClassifier(
        hidden_layer_sizes=workload.units[1:-1], solver="adam", alpha=0.0, batch_size=batch_size,
        random_state=1, learning_rate_init=adam["learning_rate"], beta_1=adam["beta_1"], beta_2=adam["beta_2"],
        epsilon=adam["epsilon"],
    )


def run(framework, workload, threads, data, record):
    import sklearn
    from threadpoolctl import threadpool_limits

    record.fields["versions"] = {"scikit-learn": sklearn.__version__, "numpy": np.__version__}
    with threadpool_limits(threads):
        {"w8": fit_line, "w9a": predict}.get(workload.name, train)(workload, data, record)


def train(workload, data, record):
    x, y = data[0], data[1].astype(np.int64)
    classes = np.arange(10 if workload.name == "w1" else 2)
    size = workload.batch_size
    # It knows no single step within an epoch: the first step is an epoch of one batch.
    model = make_classifier(workload, size)
    model.partial_fit(x[:size], y[:size], classes=classes)
    record.first_step()

    def epoch():
        model.partial_fit(x, y)
        return model.loss_, None

    record.measure_epochs(epoch, len(x))


def fit_line(workload, data, record):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    x, y = data[0], data[1].ravel()
    warnings.simplefilter("ignore", ConvergenceWarning)

    def fit():
        model = MLPRegressor(
            hidden_layer_sizes=(), solver="sgd", alpha=0.0, batch_size=workload.batch_size, momentum=0.0,
            learning_rate_init=2 * workloads.SGD["learning_rate"], max_iter=workload.epochs,
            tol=0.0, n_iter_no_change=workload.epochs + 1, random_state=1,
        )
        model.fit(x, y)
        if model.n_iter_ != workload.epochs:
            raise RuntimeError(f"stopped after {model.n_iter_} epochs")
        return model.coefs_[0][0, 0], model.intercepts_[0][0]

    record.measure_fit(fit)


def predict(workload, data, record):
    weights = workloads.start_weights(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "w1.pickle")

        def save():
            model = make_classifier(workload, 32)
            model.partial_fit(data[0][:32], np.arange(32) % 10, classes=np.arange(10))
            model.coefs_ = [kernel for kernel, _ in weights]
            model.intercepts_ = [bias for _, bias in weights]
            with open(path, "wb") as file:
                pickle.dump(model, file)

        record.preparing(save)
        with open(path, "rb") as file:
            model = pickle.load(file)
    record.measure_calls(model.predict_proba, data[0], workloads.reference_probabilities(weights, data[0]))
