"""`python3 -m unittest discover bench`: the checks find work that was not done, and a dead process."""
import os
import stat
import tempfile
import unittest

import checks
import report
import run


def training(framework, loss, accuracy, **more):
    return dict(framework=framework, workload="w1", threads=1, round=0, pair=1, rate=1e4, rate_min=9e3,
                rate_max=2e4, windows=7, first_step_s=1.0, epoch1_loss=loss, epoch1_accuracy=accuracy,
                wall_s=5.0, peak_rss_mb=100.0, foreign_cores=0.0, **more)


class Checks(unittest.TestCase):
    def test_agreeing_records_pass(self):
        records = [training("kerros", 1.22, 0.55), training("torch", 1.20, 0.553), training("jax", 1.21, 0.549)]
        self.assertEqual(checks.check_all(records), [])

    def test_untrained_framework_is_found(self):
        records = [training("kerros", 2.6, 0.1), training("torch", 1.20, 0.553), training("jax", 1.21, 0.549)]
        self.assertEqual(len(checks.check_all(records)), 2)
        self.assertEqual([r["valid"] for r in records], [False, True, True])

    def test_nan_and_missing_fields_are_found(self):
        records = [training("kerros", float("nan"), 0.55), training("torch", 1.2, 0.55), training("jax", 1.2, 0.55)]
        del records[1]["rate"]
        checks.check_all(records)
        self.assertEqual([r["valid"] for r in records], [False, False, True])

    def test_line_not_reached_is_found(self):
        record = dict(framework="kerros", workload="w8", threads=1, round=0, fit_s=1, refit_s=1, process_s=1,
                      kernel=1.90, bias=0.95, wall_s=1)
        self.assertEqual(len(checks.check_all([record])), 2)


class Processes(unittest.TestCase):
    def script(self, body):
        file = tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write("#!/bin/sh\n" + body)
        os.chmod(file.name, stat.S_IRWXU)
        return [file.name]

    def test_record_is_the_last_line(self):
        record = run.run_process(self.script("echo warning\necho '{\"rate\": 5}'\n"), 1, 10)
        self.assertEqual(record["rate"], 5)
        self.assertNotIn("error", record)
        self.assertGreater(record["peak_rss_mb"], 0)

    def test_failure_names_the_reason(self):
        record = run.run_process(self.script("echo out of luck >&2\nexit 3\n"), 1, 10)
        self.assertEqual(record["error"], "exit code 3: out of luck")

    def test_endless_process_is_ended(self):
        record = run.run_process(self.script("sleep 60\n"), 1, 0.3)
        self.assertIn("time limit", record["error"])


class Ratios(unittest.TestCase):
    def test_twice_as_fast_reads_two_both_ways(self):
        kerros = [dict(pair=1, rate=200.0, fit_s=1.0)]
        peer = [dict(pair=1, rate=100.0, fit_s=2.0)]
        self.assertEqual(report.ratios(peer, kerros, "rate", True), [2.0])
        self.assertEqual(report.ratios(peer, kerros, "fit_s", False), [2.0])


if __name__ == "__main__":
    unittest.main()
