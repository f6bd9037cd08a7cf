"""Measures one peer: one process is one framework, one workload, one number of threads.

    python bench/peers.py FRAMEWORK WORKLOAD --threads N
    python bench/peers.py --list

Prints one JSON line on stdout (its fields: bench/README.md). Exit code 1 and a field `error` when
the peer failed.
"""
import argparse
import importlib
import json
import os
import platform
import sys

# framework -> (module, workloads it can do)
PEERS = {
    "keras-tf": ("keras_fit", ("w1", "w3", "w4", "w5", "w6", "w7", "w8", "w9a")),
    "keras-tf-function": ("keras_fit", ("w9a",)),
    "keras-jax": ("keras_fit", ("w1", "w3", "w4", "w5", "w6", "w7", "w8", "w9a")),
    "torch": ("torch_eager", ("w1", "w3", "w4", "w5", "w6", "w7", "w8", "w9a")),
    "jax": ("jax_jit", ("w1", "w7", "w8", "w9a")),
    "jax-scan": ("jax_jit", ("w1", "w7", "w8")),
    "sklearn": ("sklearn_mlp", ("w1", "w7", "w8", "w9a")),
    "onnxruntime": ("onnx_runtime", ("w9a",)),
}


def limit_threads(threads):
    """For every library: the cores it may use and the sizes of the pools it reads at import."""
    cores = sorted(os.sched_getaffinity(0))
    if threads > len(cores):
        raise SystemExit(f"peers.py: --threads {threads}, but this process may use {len(cores)} cores")
    os.sched_setaffinity(0, cores[:threads])
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", nargs="?", choices=PEERS)
    parser.add_argument("workload", nargs="?", choices=sorted({name for _, names in PEERS.values() for name in names}))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print each framework and its workloads")
    args = parser.parse_args()
    if args.list:
        for name, (_, names) in PEERS.items():
            print(name, *names)
        return
    if args.framework is None or args.workload is None:
        parser.error("give a framework and a workload")
    module_name, can_do = PEERS[args.framework]
    if args.workload not in can_do:
        parser.error(f"{args.framework} cannot do {args.workload}, only {', '.join(can_do)}")

    limit_threads(args.threads)
    # After the limits: NumPy, which the data need, reads the sizes of its pools at import.
    import workloads
    from meter import Record

    record = Record(args.framework, args.workload, args.threads)
    workload = workloads.WORKLOADS[args.workload]
    data = record.preparing(lambda: workloads.make_data(workload))
    try:
        module = importlib.import_module(f"frameworks.{module_name}")
        module.run(args.framework, workload, args.threads, data, record)
    except Exception as error:  # reported in the record: run.py goes on with the other peers
        import traceback

        traceback.print_exc()
        record.fields["error"] = f"{type(error).__name__}: {error}"[:500]
    record.fields.setdefault("versions", {})["python"] = platform.python_version()
    record.fields["wall_s"] = record.since_spawn_s() + record.preparing_s
    rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in record.fields.items()}
    print(json.dumps(rounded))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if "error" in rounded else 0)  # unloading some frameworks takes seconds


if __name__ == "__main__":
    main()
