"""Tests of what the outside tools decide: python3 -m unittest discover -s scripts -p 'test_*.py'"""

import io
import pathlib
import unittest
import xml.dom.minidom
from collections import Counter

import chart
import compat
import isolation_report
import tclsuite
import trouble
import workload

OUTPUT = """\
Testing unit/type/incr
[ready]: 4711
[ok]: first (3 ms)
[\x1b[0;32;49mok\x1b[0m]: second with (brackets) (1 ms)
[err]: third in tests/unit/type/incr.tcl
t boolean
Expected '1' to be equal to '2'
    while executing
"r get x"
[ignore]: Tag: slow denied
[ok]: over
two lines (0 ms)
[err]: ERR unknown command
    while executing
[1/1 done]: unit/type/incr (0 seconds)

                   The End

*** [err]: third in tests/unit/type/incr.tcl
[ok]: not a report any more (1 ms)
"""

HUNG = """\
[ok]: first (3 ms)
[TIMEOUT]: clients state report follows.
sock55 => (IN PROGRESS) BLPOP hangs
Killing still running Redis server 123
"""

REPORT = """\
Latency by percentile distribution:
0.000% <= 0.391 milliseconds (cumulative count 16)
99.805% <= 11.759 milliseconds (cumulative count 19968)
99.902% <= 11.767 milliseconds (cumulative count 19984)

Cumulative distribution of latencies:
99.999% <= 1.000 milliseconds (cumulative count 0)

Summary:
  throughput summary: 219780.22 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        3.381     0.384     2.335     7.895    11.639    11.791
"""


def outcome(passed: list[str], failed: dict[str, str] | None = None, **rest) -> tclsuite.Outcome:
    return tclsuite.Outcome(passed=Counter(passed), order=list(passed), failed=failed or {}, **rest)


def judge(expected: list[str], result: tclsuite.Outcome, known: dict[str, str] | None = None) -> compat.Verdict:
    return compat.judge("external", "unit/x", expected, result, known or {})


class Reading(unittest.TestCase):
    def test_reports_are_told_apart(self):
        parsed = tclsuite.parse(OUTPUT)
        self.assertEqual(parsed.order, ["first", "second with (brackets)", "over two lines"])
        self.assertEqual(list(parsed.failed), ["third"])
        self.assertNotIn("while executing", parsed.failed["third"])
        self.assertEqual(len(parsed.stray), 1)
        self.assertEqual(parsed.ignored, 1)
        self.assertEqual(parsed.aborted, "")

    def test_the_test_that_hangs_is_named(self):
        parsed = tclsuite.parse(HUNG)
        self.assertEqual(parsed.running, "BLPOP hangs")
        self.assertTrue(parsed.aborted)

    def test_benchmark_report_is_read(self):
        self.assertEqual(workload.read_report(REPORT), workload.Measurement(219780.22, 2.335, 11.639, 11.767))

    def test_benchmark_against_errors_is_no_result(self):
        with self.assertRaises(RuntimeError):
            workload.read_report("Error from server: OOM command not allowed\n" + REPORT)


class Judging(unittest.TestCase):
    def test_all_passed(self):
        verdict = judge(["a", "b", "b"], outcome(["a", "b", "b", "extra"]))
        self.assertEqual((verdict.passed, verdict.failed), (3, {}))

    def test_what_does_not_run_has_failed(self):
        verdict = judge(["a", "b", "b"], outcome(["a", "b"]))
        self.assertEqual((verdict.passed, verdict.failed), (2, {"b": 1}))

    def test_known_failures_are_not_new(self):
        verdict = judge(["a", "b"], outcome(["a"], {"b": "message"}), {"b": "reason"})
        self.assertEqual((verdict.new(), verdict.stale, verdict.known), ([], [], {"b": 1}))

    def test_a_known_failure_that_passes_is_to_be_removed(self):
        verdict = judge(["a"], outcome(["a"]), {"a": "reason", "never heard of": "reason"})
        self.assertEqual(verdict.stale, ["a", "never heard of"])

    def test_a_failure_that_a_real_redis_has_too_is_not_ours(self):
        self.assertEqual(judge(["a"], outcome(["a"], {"flaky": "message"})).failed, {})

    def test_a_file_that_breaks_off_after_its_last_test_has_failed(self):
        for result in (outcome(["a"], aborted="the server died"), outcome(["a"], stray=["ERR no such option"])):
            self.assertEqual(judge(["a"], result).failed, {compat.OUTSIDE: 1})

    def test_numbers_that_vary_match(self):
        verdict = judge(["took # ms", "db 9"], outcome(["took 17 ms", "db 9"]))
        self.assertEqual(verdict.failed, {})
        verdict = judge(["took # ms"], outcome([], {"took 18 ms": "message"}))
        self.assertEqual(verdict.messages, {"took # ms": "message"})


class Recording(unittest.TestCase):
    def test_only_what_passes_each_time_is_expected(self):
        runs = [outcome(["a", "flaky", "took 17 ms", "a"]), outcome(["a", "took 3 ms", "a"])]
        self.assertEqual(compat.stable(runs), ["a", "took # ms", "a"])


class Drawing(unittest.TestCase):
    def test_the_picture_is_well_formed_and_complete(self):
        groups = [chart.Group("<SET>", [chart.Bar("ours", 2.0, "2"), chart.Bar("theirs", 1.0, "1")])]
        for logarithmic in (False, True):
            document = xml.dom.minidom.parseString(chart.draw("T & T", "sub", groups, logarithmic))
            widths = [float(rect.getAttribute("width")) for rect in document.getElementsByTagName("rect")]
            self.assertEqual(len(widths), 4)
            self.assertGreater(max(widths), 100)


def latencies(p99_us: int, errors: int = 0) -> dict:
    return {"p50_us": 50, "p99_us": p99_us, "p99_9_us": 900, "max_us": 1000, "errors": errors, "unanswered": 0, "rate": 500}


def isolation() -> dict:
    def contender(p99_us: int, **facts) -> dict:
        return {"probes": {"PING": latencies(p99_us)}, "idle": {"PING": latencies(70)}, "facts": facts}

    hung = {"dual": contender(120, **{"/readyz red after, s": 0.4}), "single": contender(9_900_000)}
    return {
        "machine": {"cpu": "a cpu", "cores": 2, "memory": "1 kB", "system": "a system"},
        "versions": {"dual": "1", "single": "1"},
        "quick": False,
        "seconds": 1,
        "scenarios": {"hung": {"title": "disk hangs", "contenders": hung}},
    }


class Isolating(unittest.TestCase):
    def test_the_pages_have_the_markers(self):
        root = pathlib.Path(__file__).resolve().parent.parent
        pages.replace_measured((root / isolation_report.PAGE).read_text(), "text", isolation_report.BEGIN, isolation_report.END)
        markers = (isolation_report.PICTURE_BEGIN, isolation_report.PICTURE_END)
        pages.replace_measured((root / "README.md").read_text(), "text", *markers)

    def test_only_a_goal_that_is_met_is_bold(self):
        text = isolation_report.markdown(isolation())
        self.assertIn("**0.12 ms (0.07)**", text)
        self.assertIn("| 9 900 ms (0.07) |", text)
        self.assertIn("| 0.4 s |", text)

    def test_an_answer_that_is_an_error_meets_no_goal(self):
        contender = {"probes": {"PING": latencies(100, errors=1)}, "idle": {"PING": latencies(70)}}
        self.assertNotIn("**", isolation_report.goal_cell(contender, "PING", 1))

    def test_only_what_is_between_the_markers_is_replaced(self):
        page = f"before\n{isolation_report.BEGIN}\nold\n{isolation_report.END}\nafter\n"
        replaced = isolation_report.replace_measured(page, "new")
        self.assertTrue(replaced.startswith("before\n") and replaced.endswith("\nafter\n"))
        self.assertIn("new", replaced)
        self.assertNotIn("old", replaced)
        self.assertEqual(isolation_report.replace_measured(replaced, "new"), replaced)
        with self.assertRaises(ValueError):
            isolation_report.replace_measured("no markers", "new")

    def test_every_scenario_has_a_picture(self):
        pictures = isolation_report.draw_all(isolation())
        self.assertEqual(sorted(pictures), ["isolation", "isolation-hung"])
        for picture in pictures.values():
            xml.dom.minidom.parseString(picture)

    def test_the_length_of_a_reply_is_found(self):
        for reply in (b"$5\r\nhello\r\n", b"*3\r\n$1\r\na\r\n$-1\r\n$2\r\n\r\n\r\n", b"*0\r\n"):
            replies = io.BufferedReader(io.BytesIO(reply + b"+next"))
            head = replies.readline()
            self.assertEqual(len(head) + trouble.skip_body(replies, head), len(reply))
            self.assertEqual(replies.read(), b"+next")


if __name__ == "__main__":
    unittest.main()
