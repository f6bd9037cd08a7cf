"""ONNX Runtime on the CPU: inference only (w9a). The model file is written with `onnx`."""
import os
import tempfile

import workloads


def write_model(path, weights):
    from onnx import TensorProto, checker, helper, numpy_helper, save

    nodes, arrays, name = [], [], "x"
    for i, (kernel, bias) in enumerate(weights):
        arrays += [numpy_helper.from_array(kernel, f"kernel{i}"), numpy_helper.from_array(bias, f"bias{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"kernel{i}", f"bias{i}"], [f"dense{i}"]))
        last = i == len(weights) - 1
        name = "y" if last else f"relu{i}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"dense{i}"], [name]))
    features, classes = weights[0][0].shape[0], weights[-1][0].shape[1]
    graph = helper.make_graph(
        nodes, "w1", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classes])], arrays,
    )
    # Opset 17 needs no newer file version than 8, which every current runtime reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, path)


def run(framework, workload, threads, data, record):
    weights = workloads.start_weights(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "w1.onnx")
        record.preparing(lambda: write_model(path, weights))
        import onnxruntime

        record.fields["versions"] = {"onnxruntime": onnxruntime.__version__}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    call = lambda row: session.run(None, {"x": row})[0]
    record.measure_calls(call, data[0], workloads.reference_probabilities(weights, data[0]))
