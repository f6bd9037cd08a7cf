"""JAX by hand: what one gets who writes the training step oneself.

jax        one jitted call per step, state donated, the batch gathered inside the step
jax-scan   one jitted call per epoch: `lax.scan` over the steps (a shorter last batch comes after)
"""
import os
import tempfile
from functools import partial

import numpy as np
import workloads


def forward(params, x):
    import jax

    for kernel, bias in params[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = params[-1]
    return x @ kernel + bias


def make_loss(workload):
    """loss(params, x, y) -> (mean loss, number of correct rows)."""
    import jax
    import jax.numpy as jnp

    def sparse_cross_entropy(params, x, y):
        logits = forward(params, x)
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
        return -picked.mean(), (logits.argmax(1) == y).sum()

    def binary_cross_entropy(params, x, y):
        z = forward(params, x)[:, 0]
        loss = jnp.maximum(z, 0.0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))
        return loss.mean(), ((z > 0) == (y > 0.5)).sum()

    def mean_squared_error(params, x, y):
        return jnp.mean((forward(params, x) - y) ** 2), jnp.int32(0)

    return {"w1": sparse_cross_entropy, "w7": binary_cross_entropy, "w8": mean_squared_error}[workload.name]


def make_update(workload):
    """(initial slots, update(params, slots, gradients, step) -> params, slots)."""
    import jax
    import jax.numpy as jnp

    tree = jax.tree_util.tree_map
    if workload.optimizer == "sgd":
        lr = workloads.SGD["learning_rate"]
        return lambda params: (), lambda p, s, g, t: (tree(lambda a, b: a - lr * b, p, g), s)
    lr, b1, b2, eps = workloads.ADAM.values()

    def update(params, slots, gradients, step):
        m = tree(lambda m, g: b1 * m + (1 - b1) * g, slots[0], gradients)
        v = tree(lambda v, g: b2 * v + (1 - b2) * g * g, slots[1], gradients)
        rate = lr * jnp.sqrt(1 - b2**step) / (1 - b1**step)
        return tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + eps), params, m, v), (m, v)

    return lambda params: (tree(jnp.zeros_like, params), tree(jnp.zeros_like, params)), update


def make_trainer(workload, x, y, scan):
    """(fresh state, epoch(state) -> state, loss, accuracy, first(state) -> state)."""
    import jax
    import jax.numpy as jnp

    loss_of = make_loss(workload)
    init_slots, update = make_update(workload)
    size = workload.batch_size

    def step(state, index, x, y):
        params, slots, count, loss_sum, correct_sum = state
        count = count + 1.0
        (loss, correct), g = jax.value_and_grad(loss_of, has_aux=True)(params, x[index], y[index])
        params, slots = update(params, slots, g, count)
        return params, slots, count, loss_sum + loss * len(index), correct_sum + correct

    jit_step = jax.jit(step, donate_argnums=0)

    @partial(jax.jit, donate_argnums=0)
    def jit_steps(state, indices, x, y):
        return jax.lax.scan(lambda s, i: (step(s, i, x, y), None), state, indices)[0]

    def fresh():
        params = [(jnp.asarray(k), jnp.asarray(b)) for k, b in workloads.start_weights(workload)]
        return params, init_slots(params), jnp.float32(0), jnp.float32(0), jnp.int32(0)

    rng = np.random.default_rng(1)
    order = np.arange(len(x), dtype=np.int32)

    def epoch(state):
        state = (*state[:3], jnp.float32(0), jnp.int32(0))
        rng.shuffle(order)
        full = len(order) // size * size
        if scan:
            state = jit_steps(state, order[:full].reshape(-1, size), x, y)
        else:
            for start in range(0, full, size):
                state = jit_step(state, order[start : start + size], x, y)
        if full < len(order):
            state = jit_step(state, order[full:], x, y)
        return state, float(state[3]) / len(order), int(state[4]) / len(order)

    return fresh, epoch, lambda state: jit_step(state, order[:size].copy(), x, y)


def run(framework, workload, threads, data, record):
    import jax  # its pool has one thread per core this process may use

    record.fields["versions"] = {"jax": jax.__version__}
    if workload.name == "w9a":
        return predict(workload, data[0], record)
    x, y = jax.device_put(data)
    scan = framework == "jax-scan"
    if workload.name == "w8":

        def fit():
            fresh, epoch, _ = make_trainer(workload, x, y, scan)
            state = fresh()
            for _ in range(workload.epochs):
                state, _, _ = epoch(state)
            kernel, bias = state[0][0]
            return kernel[0, 0], bias[0]

        return record.measure_fit(fit)

    fresh, epoch, first = make_trainer(workload, x, y, scan)
    state = first(fresh())
    float(state[3])
    record.first_step()

    def next_epoch():
        nonlocal state
        state, loss, accuracy = epoch(state)
        return loss, accuracy

    record.measure_epochs(next_epoch, len(x))


def predict(workload, x, record):
    import jax
    import jax.numpy as jnp

    weights = workloads.start_weights(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "w1.npz")
        record.preparing(lambda: np.savez(path, *[a for pair in weights for a in pair]))
        with np.load(path) as file:
            arrays = [jnp.asarray(file[name]) for name in file.files]
    params = list(zip(arrays[::2], arrays[1::2]))
    compiled = jax.jit(lambda t: jax.nn.softmax(forward(params, t)))
    call = lambda row: np.asarray(compiled(row))
    record.measure_calls(call, x, workloads.reference_probabilities(weights, x))
