"""The clock and the record of one measured process."""
import os
import statistics
import time

# The rule of measuring; bench/README.md states it for Kerros too.
MIN_WINDOWS = int(os.environ.get("BENCH_WINDOWS", "7"))
MIN_SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
MAX_WINDOWS = 1000
MAX_SECONDS = 20 * MIN_SECONDS  # a slow peer stops here once it has 3 windows
MIN_CALLS = 200  # of a latency
NUM_CHECKED = 64  # predictions compared with the reference; they also warm up


def spawn_time_ns():
    """Unix time in ns at which this process was started: as run.py says, else as the kernel says."""
    told = os.environ.get("BENCH_SPAWNED_NS")
    if told:
        return int(told)
    with open("/proc/self/stat") as f:
        start_ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime") as f:
        uptime_s = float(f.read().split()[0])
    age_s = uptime_s - start_ticks / os.sysconf("SC_CLK_TCK")
    return time.time_ns() - int(1e9 * max(age_s, 0.0))


class Record:
    """The fields of the JSON line, and the two ways to fill them: windows and calls."""

    def __init__(self, framework, workload, threads):
        self.spawned_ns = spawn_time_ns()
        self.preparing_s = 0.0
        self.rates = []
        self.measured_s = 0.0
        self.fields = {"framework": framework, "workload": workload, "threads": threads}

    def since_spawn_s(self):
        """Seconds of this process's life, less those spent on making its data."""
        return 1e-9 * (time.time_ns() - self.spawned_ns) - self.preparing_s

    def preparing(self, make):
        """Runs `make()` off the clock: data and model files that a user would already have."""
        start = time.perf_counter()
        result = make()
        self.preparing_s += time.perf_counter() - start
        return result

    def first_step(self):
        self.fields["first_step_s"] = self.since_spawn_s()

    # ---- throughput: one window is one epoch
    def add_window(self, samples, seconds):
        self.rates.append(samples / seconds)
        self.measured_s += seconds
        self.fields.update(
            rate=statistics.median(self.rates), rate_min=min(self.rates),
            rate_max=max(self.rates), windows=len(self.rates), measured_s=self.measured_s,
        )

    @property
    def enough(self):
        n = len(self.rates)
        return (
            (n >= MIN_WINDOWS and self.measured_s >= MIN_SECONDS)
            or (n >= 3 and self.measured_s >= MAX_SECONDS)
            or n >= MAX_WINDOWS
        )

    def measure_epochs(self, epoch, samples):
        """`epoch()` trains one epoch and returns (loss, accuracy or None); the first one warms up."""
        self.first_epoch(*epoch())
        while not self.enough:
            start = time.perf_counter()
            epoch()
            self.add_window(samples, time.perf_counter() - start)

    def first_epoch(self, loss, accuracy):
        self.fields["epoch1_loss"] = float(loss)
        if accuracy is not None:
            self.fields["epoch1_accuracy"] = float(accuracy)

    # ---- w8: the fit of a fresh model, and once more of another in the same process
    def measure_fit(self, fit):
        """`fit()` makes a model, fits it and returns (kernel, bias)."""
        start = time.perf_counter()
        kernel, bias = fit()
        self.fields.update(
            fit_s=time.perf_counter() - start, process_s=self.since_spawn_s(),
            kernel=float(kernel), bias=float(bias),
        )
        start = time.perf_counter()
        fit()
        self.fields["refit_s"] = time.perf_counter() - start

    # ---- w9a: single calls
    def measure_calls(self, predict, x, expected):
        """`predict([1, features]) -> [1, classes]`, both NumPy; another row at every call."""
        rows = [x[i : i + 1].copy() for i in range(len(x))]
        predict(rows[0])
        self.first_step()
        self.fields["max_probability_error"] = max(
            float(abs(predict(r) - e).max()) for r, e in zip(rows[:NUM_CHECKED], expected)
        )
        times = []
        deadline = time.perf_counter() + MIN_SECONDS
        while time.perf_counter() < deadline or len(times) < MIN_CALLS:
            row = rows[len(times) % len(rows)]
            start = time.perf_counter()
            predict(row)
            times.append(time.perf_counter() - start)
        times.sort()
        self.fields.update(
            latency_us=1e6 * statistics.median(times), latency_min_us=1e6 * times[0],
            latency_p99_us=1e6 * times[int(0.99 * (len(times) - 1))], calls=len(times),
        )
