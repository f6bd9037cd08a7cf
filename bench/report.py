"""From the records of a run to its Markdown report: medians, spreads, ratios."""
import statistics

import workloads

# workload -> (field, heading, whether more is better); the first one is the headline.
TRAINING = (("rate", "samples/s", True), ("first_step_s", "first step, s", False))
METRICS = {
    **{name: TRAINING for name in ("w1", "w3", "w4", "w5", "w6", "w7")},
    "w8": (("process_s", "process, s", False), ("fit_s", "fit, s", False), ("refit_s", "fit again, s", False)),
    "w9a": (("latency_us", "one call, us", False), ("first_step_s", "first call, s", False)),
}
NOISY_CORES = 0.10  # share of a core that others may use before a figure is called noisy


def number(value):
    """Three significant digits, thousands kept whole."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def median_of(records, field):
    return statistics.median(r[field] for r in records)


def ratios(peer, kerros, field, more_is_better):
    """How many times as fast Kerros was in each pair of neighbouring processes."""
    by_pair = {r["pair"]: r for r in kerros}
    found = []
    for r in peer:
        k = by_pair.get(r["pair"])
        if k is not None:
            found.append(k[field] / r[field] if more_is_better else r[field] / k[field])
    return found


def row(name, records, kerros, metrics):
    cells = [name]
    for field, _, more_is_better in metrics:
        values = [r[field] for r in records]
        cells.append(f"{number(statistics.median(values))} ({number(min(values))} to {number(max(values))})")
        if name == "kerros":
            cells.append("1")
        else:
            found = ratios(records, kerros, field, more_is_better)
            cells.append(
                f"**{number(statistics.median(found))}** ({number(min(found))} to {number(max(found))})"
                if found else "-")
    cells.append(number(median_of(records, "peak_rss_mb")))
    noise = max(r["foreign_cores"] for r in records)
    cells.append(f"{noise:.2f}{' noisy' if noise > NOISY_CORES else ''}")
    return "| " + " | ".join(cells) + " |"


def table(records, workload, threads):
    metrics = METRICS[workload]
    here = [r for r in records if r["workload"] == workload and r["threads"] == threads]
    frameworks = {}
    for r in here:
        frameworks.setdefault(r["framework"], []).append(r)
    if not frameworks:
        return []
    field, _, more = metrics[0]
    order = sorted(frameworks, key=lambda f: median_of(frameworks[f], field), reverse=more)
    kerros = frameworks.get("kerros", [])
    head = ["framework"]
    for _, heading, _ in metrics:
        head += [heading, "Kerros is x times as fast"]
    head += ["peak MB", "others' cores"]
    lines = [f"### {threads} thread{'s' if threads > 1 else ''}", "", "| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    lines += [row(f, frameworks[f], kerros, metrics) for f in order]
    return lines + [""]


def best_against_best(records, workload):
    """Each framework at the number of threads that suits it best."""
    field, heading, more = METRICS[workload][0]
    groups = {}
    for r in records:
        if r["workload"] == workload:
            groups.setdefault(r["framework"], {}).setdefault(r["threads"], []).append(r)
    best = {}
    for framework, by_threads in groups.items():
        medians = [(median_of(group, field), threads) for threads, group in by_threads.items()]
        best[framework] = max(medians) if more else min(medians)
    if len(next(iter(groups.values()), {})) < 2:
        return []
    lines = ["### Each at its better number of threads", "",
             f"| framework | threads | {heading} | Kerros is x times as fast |", "|---|---|---|---|"]
    own = best.get("kerros")
    for framework, (value, threads) in sorted(best.items(), key=lambda item: item[1][0], reverse=more):
        ratio = "-"
        if own is not None:
            ratio = f"**{number(own[0] / value if more else value / own[0])}**" if framework != "kerros" else "1"
        lines.append(f"| {framework} | {threads} | {number(value)} | {ratio} |")
    return lines + [""]


def write(records, about, complaints):
    """The report. `about`: machine, versions and settings, as (name, value) pairs."""
    lines = [f"# Kerros and its peers, {dict(about)['date']}", ""]
    lines += [f"- {name}: {value}" for name, value in about]
    lines += [
        "",
        "Medians over the processes (smallest to largest in brackets). Each ratio compares a peer's process",
        "with the Kerros process right before it; only ratios carry over to another machine. How it is",
        "measured: `bench/README.md`. All records: the `.jsonl` file beside this one.",
        "",
    ]
    valid = [r for r in records if r["valid"]]
    for name, workload in workloads.WORKLOADS.items():
        counts = sorted({r["threads"] for r in valid if r["workload"] == name})
        if not counts:
            continue
        lines += [f"## {name}: {workload.title}", ""]
        for threads in counts:
            lines += table(valid, name, threads)
        lines += best_against_best(valid, name)
    lines += ["## Checks", ""]
    lines += [f"- {c}" for c in complaints] or ["Every process trained or predicted what it should."]
    return "\n".join(lines) + "\n"
