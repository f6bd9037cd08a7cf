"""Measures Kerros and its peers side by side, in one run on one machine.

    python bench/run.py --kerros target/release/examples/bench --python VENV/bin/python

Every peer's process comes right after a Kerros process of the same workload and threads, the order
turns from round to round, and nothing else runs at the same time. Writes
bench/results/DATE.md and DATE.jsonl. Exit code 1 if a process failed or a check did (checks.py).
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time

import checks
import report

HERE = pathlib.Path(__file__).resolve().parent


def machine_busy_s():
    """CPU seconds that all processes together have used since the machine started."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq = (int(v) for v in f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def run_process(command, threads, timeout_s):
    """One measured process: its JSON record, with peak memory and what others used meanwhile."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    busy, start = machine_busy_s(), time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        environment = {**os.environ, "BENCH_SPAWNED_NS": str(time.time_ns())}
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores), start_new_session=True,
        )
        timer = threading.Timer(timeout_s, os.killpg, (child.pid, signal.SIGKILL))
        timer.start()
        with child.stdout:
            output = child.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - start
        errors.seek(0)
        last_words = errors.read().decode(errors="replace").strip().splitlines()[-1:]
    try:
        record = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        record = {}
    if child.returncode != 0 or not record:
        why = "ran past the time limit" if child.returncode == -signal.SIGKILL else "".join(last_words)
        record.setdefault("error", f"exit code {child.returncode}: {why}"[:500])
    own_s = usage.ru_utime + usage.ru_stime
    record["peak_rss_mb"] = round(usage.ru_maxrss / 1024, 1)
    record["foreign_cores"] = round(max(0.0, machine_busy_s() - busy - own_s) / wall_s, 3)
    return record


def plan(args, peers):
    """The processes in order: (round, pair, framework, workload, threads)."""
    pair = 0
    for number in range(args.rounds):
        for workload in args.workloads:
            for threads in args.threads:
                able = [f for f, names in peers.items() if workload in names]
                shift = number % max(len(able), 1)
                for framework in able[shift:] + able[:shift]:
                    pair += 1
                    if args.kerros:
                        yield number, pair, "kerros", workload, threads
                    yield number, pair, framework, workload, threads
                if not able and args.kerros:
                    pair += 1
                    yield number, pair, "kerros", workload, threads


def about(args, records):
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    git = lambda *a: subprocess.run(["git", "-C", str(HERE), *a], capture_output=True, text=True).stdout.strip()
    versions = {}
    for r in records:
        versions.update(r.get("versions") or {})
    return [
        ("date", datetime.date.today().isoformat()),
        ("machine", f"{model}, {len(os.sched_getaffinity(0))} cores used"),
        ("Kerros", (git("rev-parse", "--short", "HEAD") or "unknown") if args.kerros else "not measured"),
        ("versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))),
        ("rounds", args.rounds),
        ("per process", f"at least {os.environ['BENCH_WINDOWS']} windows and {os.environ['BENCH_SECONDS']} s"),
    ]


def parse_arguments():
    listed = lambda text: [part for part in text.split(",") if part]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kerros", type=pathlib.Path, help="the built example `bench`")
    parser.add_argument("--peers-only", action="store_true", help="measure without Kerros")
    parser.add_argument("--python", default=sys.executable, help="Python of the peers (install.sh)")
    parser.add_argument("--peers", type=listed, help="only these peers, by comma (default: all)")
    parser.add_argument("--workloads", type=listed, default=["w1", "w7", "w8", "w9a"])
    parser.add_argument("--threads", type=lambda t: [int(n) for n in listed(t)], default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=7, help="windows per process, at least")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured seconds per process, at least")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds until a process is ended")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results", help="folder of the results")
    parser.add_argument("--label", default="", help="appended to the name of the result files")
    args = parser.parse_args()
    if args.peers_only:
        args.kerros = None
    elif args.kerros is None or not args.kerros.is_file():
        parser.error("give --kerros the path of the built example "
                     "(cargo build --release -p kerros --example bench), or --peers-only")
    if max(args.threads) > len(os.sched_getaffinity(0)):
        parser.error(f"--threads {max(args.threads)} is more than the cores this process may use")
    return parser, args


def main():
    parser, args = parse_arguments()
    os.environ["BENCH_WINDOWS"], os.environ["BENCH_SECONDS"] = str(args.windows), str(args.seconds)
    peers_py = str(HERE / "peers.py")
    listing = subprocess.run([args.python, peers_py, "--list"], capture_output=True, text=True, check=True)
    peers = {name: can_do for name, *can_do in (line.split() for line in listing.stdout.splitlines())}
    for asked in args.peers or ():
        if asked not in peers:
            parser.error(f"unknown peer {asked}; there are {', '.join(peers)}")
    if args.peers is not None:
        peers = {name: peers[name] for name in args.peers}
    args.out.mkdir(parents=True, exist_ok=True)
    name = datetime.date.today().isoformat() + (f"-{args.label}" if args.label else "")
    records = []
    with open(args.out / f"{name}.jsonl", "w") as lines:
        for number, pair, framework, workload, threads in plan(args, peers):
            if framework == "kerros":
                command = [str(args.kerros.resolve()), workload, "--threads", str(threads)]
            else:
                command = [args.python, peers_py, framework, workload, "--threads", str(threads)]
            record = run_process(command, threads, args.timeout)
            record.update(framework=framework, workload=workload, threads=threads, round=number, pair=pair)
            records.append(record)
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            field, heading, _ = report.METRICS[workload][0]
            shown = f"{report.number(record[field])} {heading}" if field in record else record.get("error")
            print(f"round {number} {workload} threads {threads} {framework}: {shown}", file=sys.stderr)

    complaints = checks.check_all(records)
    text = report.write(records, about(args, records), complaints)
    (args.out / f"{name}.md").write_text(text)
    print(text)
    for complaint in complaints:
        print(f"run.py: {complaint}", file=sys.stderr)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
