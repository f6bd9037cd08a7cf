"""PyTorch, eager, as its users write a fast loop for data that fits in memory: tensors, one
`randperm` per epoch, fused optimizers, the loss on logits, sums read once per epoch."""
import os
import tempfile

import workloads

from frameworks import torch_networks


def make_model(workload):
    from torch import nn

    layers = []
    for fan_in, units in zip(workload.units, workload.units[1:]):
        layers += [nn.Linear(fan_in, units), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def set_weights(model, weights):
    import torch

    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, (kernel, bias) in zip(linear, weights):
            layer.weight.copy_(torch.from_numpy(kernel.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))


def run(framework, workload, threads, data, record):
    import torch

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)
    torch.manual_seed(1)
    record.fields["versions"] = {"torch": torch.__version__}
    job = {"w8": fit_line, "w9a": predict}.get(workload.name, train)
    job(workload, data, record)


def train(workload, data, record):
    import torch
    import torch.nn.functional as F

    x, y = (torch.from_numpy(a) for a in data)
    networks = torch_networks.networks(torch)
    if workload.name in networks:
        model = networks[workload.name]()
    else:
        model = make_model(workload)
        set_weights(model, workloads.start_weights(workload))
    optimizer = torch_networks.optimizer(torch, workload, model.parameters())
    if workload.name == "w6":
        y = y.long()
        loss_and_correct = lambda o, t: (
            F.cross_entropy(o.flatten(0, 1), t.flatten()),
            (o.detach().argmax(2) == t).float().mean(1).sum())
    elif workload.loss == "sparse_categorical_crossentropy":
        y = y.long()
        loss_and_correct = lambda o, t: (F.cross_entropy(o, t), (o.detach().argmax(1) == t).sum())
    else:
        y = y.unsqueeze(1)
        loss_and_correct = lambda o, t: (
            F.binary_cross_entropy_with_logits(o, t), ((o.detach() > 0) == (t > 0.5)).sum())

    def step(index, loss_sum, correct_sum):
        optimizer.zero_grad(set_to_none=True)
        loss, correct = loss_and_correct(model(x[index]), y[index])
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(index)
        correct_sum += correct

    def epoch():
        sums = torch.zeros(()), torch.zeros(())
        for index in torch.randperm(len(x)).split(workload.batch_size):
            step(index, *sums)
        return sums[0].item() / len(x), sums[1].item() / len(x)

    step(torch.arange(workload.batch_size), torch.zeros(()), torch.zeros(()))
    record.first_step()
    record.measure_epochs(epoch, len(x))


def fit_line(workload, data, record):
    import torch
    import torch.nn.functional as F

    x, y = (torch.from_numpy(a) for a in data)

    def fit():
        model = torch.nn.Linear(1, 1)
        lr = workloads.SGD["learning_rate"]
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, fused=True)
        for _ in range(workload.epochs):
            loss_sum = torch.zeros(())
            for index in torch.randperm(len(x)).split(workload.batch_size):
                optimizer.zero_grad(set_to_none=True)
                loss = F.mse_loss(model(x[index]), y[index])
                loss.backward()
                optimizer.step()
                loss_sum += loss.detach() * len(index)
            loss_sum.item()  # fit reports a loss per epoch
        return model.weight.item(), model.bias.item()

    record.measure_fit(fit)


def predict(workload, data, record):
    import torch

    weights = workloads.start_weights(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "w1.pt")

        def save():
            model = make_model(workload)
            set_weights(model, weights)
            torch.save(model.state_dict(), path)

        record.preparing(save)
        model = make_model(workload)
        model.load_state_dict(torch.load(path))
    model.eval()

    @torch.inference_mode()
    def call(row):
        return torch.softmax(model(torch.from_numpy(row)), 1).numpy()

    record.measure_calls(call, data[0], workloads.reference_probabilities(weights, data[0]))
