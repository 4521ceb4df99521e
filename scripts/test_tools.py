"""Tests of what the outside tools decide: python3 -m unittest discover -s scripts -p 'test_*.py'"""

import contextlib
import io
import json
import os
import pathlib
import tempfile
import unittest
import unittest.mock
import xml.dom.minidom
from collections import Counter

import chart
import compare_report
import compat
import growth
import isolation_report
import measuring
import pages
import scale_report
import scarce_memory
import tclsuite
import trouble
import tune
import tune_report
import usage
import wire
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


class Writing(unittest.TestCase):
    def test_the_pages_have_the_markers(self):
        places = {
            isolation_report.PAGE: [(isolation_report.BEGIN, isolation_report.END)],
            "README.md": [(isolation_report.PICTURE_BEGIN, isolation_report.PICTURE_END), compare_report.HEADLINE],
            compare_report.PAGE: [*compare_report.STRINGS.values(), compare_report.COLLECTIONS, growth.MARKERS]
            + [scale_report.KEYS, scale_report.LARGER],
        }
        for page, markers in places.items():
            text = (pages.ROOT / page).read_text()
            for begin, end in markers:
                self.assertEqual((text.count(begin), text.count(end)), (1, 1), begin)
                pages.replace_measured(text, "text", begin, end)

    def test_only_what_is_between_the_markers_is_replaced(self):
        begin, end = pages.markers("figures", "tool.py")
        page = f"before\n{begin}\nold\n{end}\nafter\n"
        replaced = pages.replace_measured(page, "new", begin, end)
        self.assertTrue(replaced.startswith("before\n") and replaced.endswith("\nafter\n"))
        self.assertIn("new", replaced)
        self.assertNotIn("old", replaced)
        self.assertEqual(pages.replace_measured(replaced, "new", begin, end), replaced)
        with self.assertRaises(ValueError):
            pages.replace_measured("no markers", "new", begin, end)

    def test_numbers_have_as_many_digits_as_mean_something(self):
        self.assertEqual([pages.significant(number) for number in (0.123, 12.34, 1234.5)], ["0.12", "12.3", "1 234"])
        self.assertEqual([pages.bytes_text(count) for count in (0, 1023, 1536, 5 << 30)], ["0 bytes", "1023 bytes", "1.50 KiB", "5.00 GiB"])


class Loading(unittest.TestCase):
    def test_only_strings_come_in_every_shape(self):
        chosen = workload.loads(["SET", "LPUSH"], [1, 16, 64], [50, 1, 500], [64, 4096], ["uniform", "zipf"])
        self.assertEqual(sum(load.command == "SET" for load in chosen), 3 * 3 * 2 * 2)
        self.assertEqual([load.name for load in chosen if load.command == "LPUSH"], ["LPUSH, P=1", "LPUSH, P=16"])
        self.assertEqual(len({load.name for load in chosen}), len(chosen))

    def test_a_load_says_what_it_is(self):
        self.assertEqual(workload.Load("GET", 4096, 16, 1, "zipf").name, "GET 4 KiB, P=16, 1 client, Zipf")
        self.assertEqual(workload.Load("HGET", 64, 1).name, "HGET, P=1")

    def test_both_load_generators_get_the_same_words(self):
        load = workload.Load("SET", 3)
        self.assertEqual(load.words(workload.BENCHMARK_RANDOM), ["SET", "key:__rand_int__", "xxx"])
        self.assertEqual(load.words("{zipf:9:12}"), ["SET", "key:{zipf:9:12}", "xxx"])
        self.assertEqual(load.user_bytes(), len("key:000000000000") + 3)

    def test_every_command_is_complete(self):
        for name in workload.COMMANDS:
            for load in workload.loads([name], [1], [50], [64], ["uniform"]):
                text = " ".join(load.words(""))
                self.assertNotIn("{", text)
                self.assertEqual(text.split()[0].lower(), name.split("_")[0].lower())
                self.assertGreaterEqual(load.requests(80_000), 1000)

    def test_keys_are_fewer_where_values_are_large(self):
        self.assertEqual(workload.keys_for(1_000_000, 64), 1_000_000)
        self.assertEqual(workload.keys_for(1_000_000, 4096) * 4096, workload.FILL_BYTES_MAX)

    def test_variadic_commands_leave_nothing_out(self):
        commands = list(workload.variadic("SADD bag", lambda n: (str(n),), 0, 250))
        self.assertEqual([command.split(b"\r\n")[0] for command in commands], [b"*102", b"*102", b"*52"])
        self.assertEqual(wire.encode("SADD", "bag", "0")[4:], b"$4\r\nSADD\r\n$3\r\nbag\r\n$1\r\n0\r\n")


STAT = "42 (a (strange) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 5 0 100 1000 200 18446744073709551615"
IO = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 12288\ncancelled_write_bytes: 4096\n"


class Asking(unittest.TestCase):
    def options(self, *words: str):
        parser = measuring.command_line("What for.\n\n    calls\n\nMore.", "name")
        parser.add_argument("--rounds", type=int)
        with unittest.mock.patch("sys.argv", ["name.py", *words]):
            return measuring.parse(parser, {"rounds": 5}, {"rounds": 1})

    def test_numbers_that_were_not_given_are_those_of_the_run(self):
        self.assertEqual([self.options("--server", "s", *more).rounds for more in ([], ["--quick"], ["--rounds", "3"])], [5, 1, 3])

    def test_only_a_full_run_writes_pages(self):
        written = [self.options("--server", "s", *more).documentation for more in ([], ["--quick"], ["--no-pages"])]
        self.assertEqual(written, [pages.ROOT, None, None])

    def test_a_server_or_a_report_is_needed(self):
        self.assertEqual(str(self.options("--report", "results.json").report), "results.json")
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            self.options()


class Using(unittest.TestCase):
    def test_processor_time_has_that_of_children(self):
        self.assertEqual(usage.parse_cpu_s(STAT), 350 / usage.TICKS_PER_SECOND)

    def test_what_was_truncated_was_not_written(self):
        self.assertEqual(usage.parse_io(IO), (8192, 4096))

    def test_differences_are_of_each_kind(self):
        self.assertEqual(usage.Usage(3.0, 30, 300) - usage.Usage(1.0, 10, 100), usage.Usage(2.0, 20, 200))

    def test_this_process_uses_memory(self):
        self.assertGreater(usage.memory_bytes(os.getpid(), "VmHWM"), 1 << 20)

    def test_files_are_counted_once(self):
        with tempfile.TemporaryDirectory() as directory:
            first = pathlib.Path(directory) / "first"
            first.write_bytes(b"x" * 100_000)
            alone = usage.disk_bytes(pathlib.Path(directory))
            os.link(first, pathlib.Path(directory) / "second")
            self.assertEqual(usage.disk_bytes(pathlib.Path(directory)), alone)


def compared(appendfsync: str = "everysec") -> compare_report.Results:
    results = compare_report.Results(
        settings={"rounds": 3, "keys": 1000, "appendfsync": appendfsync, "quick": False, "requests": 10},
        machine={"cpu": "a cpu", "cores": 2, "memory": "1 kB", "system": "a system"},
        versions={"ours": "1", "theirs": "2", "elsewhere": "3"},
    )
    for load in workload.loads(["SET", "ZADD"], [1, 64], [50, 1], [64], ["uniform"]):
        for rate in (90_000.0, 100_000.0, 300_000.0):
            results.add(load, "ours", workload.Measurement(rate, 0.5, 1.0, 2.0, 3.5, 1.5))
            results.add(load, "theirs", workload.Measurement(rate * 2, 0.5, 1.0, 2.0, 3.5, 1.5))
            results.add(load, "elsewhere", workload.Measurement(rate / 2, 0.5, 1.0, 2.0))
    report = {"p50_us": 50.0, "p99_us": 100.0, "p99_9_us": 900.0, "max_us": 1000.0, "flood_rate": 50_000.0}
    results.half_load["SET 64 B, P=1"] = {"rate": 25_000.0, "contenders": {"ours": [report]}}
    results.ping["ours"] = [report]
    results.written["64 B"] = {"ours": 4.26, "theirs": 1.3}
    return results


class Comparing(unittest.TestCase):
    def test_medians_are_told_and_compared(self):
        text = compare_report.strings(compared())
        self.assertIn("| SET 64 B, P=1 | 100.0 | 200.0 | 50.0 | 0.50 | 2.00 | 210% |", text)
        self.assertIn("| SET 64 B, P=1 | 3.50; 1.5 | 3.50; 1.5 | – |", text)
        self.assertIn("background did later | 4.3 | 1.3 | – |", text)
        self.assertIn("| SET 64 B, P=1, 25.0k/s | 0.05 / 0.10 / 0.90 | – | – |", text)

    def test_a_load_that_failed_has_no_figure_and_says_so(self):
        results = compared()
        del results.measured["SET 64 B, P=1"]["ours"]
        results.failures.append("ours, SET 64 B, P=1: refused")
        text = compare_report.strings(results)
        self.assertIn("| SET 64 B, P=1 | – | 200.0 | 50.0 | – | – |", text)
        self.assertIn("- without a figure: ours, SET 64 B, P=1: refused", text)
        compare_report.draw_all(results)

    def test_the_headline_has_the_usual_loads_only(self):
        text = compare_report.headline(compared())
        self.assertIn("| SET 64 B, P=1 |", text)
        for other in ("ZADD", "P=64", "1 client"):
            self.assertNotIn(f"{other} |", text)

    def test_what_was_kept_is_read_again(self):
        results = compared()
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "results.json"
            path.write_text(json.dumps(results.to_json()))
            self.assertEqual(compare_report.load(path), results)

    def test_a_run_writes_only_what_it_has_measured(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "docs").mkdir()
            for page in ("README.md", compare_report.PAGE):
                (root / page).write_text((pages.ROOT / page).read_text())
            results = compared("always")
            # These numbers are of no machine: so they are told from what the page holds already.
            measured = "| ZADD, P=1 | 100.0 | 200.0 | 50.0 |"
            readme = (root / "README.md").read_text()
            compare_report.write_pages(results, {}, root)
            self.assertEqual((root / "README.md").read_text(), readme)
            self.assertNotIn(measured, (root / compare_report.PAGE).read_text())
            results = compared()
            compare_report.write_pages(results, {}, root)
            self.assertIn(measured, (root / compare_report.PAGE).read_text())
            self.assertIn("SET 64 B, P=1", (root / "README.md").read_text())

    def test_pictures_are_well_formed(self):
        pictures = compare_report.draw_all(compared())
        self.assertEqual(sorted(pictures), ["compare-clients", "compare-collections", "compare-ping", "compare-strings"])
        for picture in pictures.values():
            xml.dom.minidom.parseString(picture)
        names = [workload.Load(name, 64, 16, 500, "zipf").name for name in ("SET", "GET")]
        self.assertLess(max(len(compare_report.short(name)) for name in names), chart.LABEL_WIDTH / 7.5)


class Growing(unittest.TestCase):
    def test_commands_are_complete_and_named(self):
        for operations in growth.OPERATIONS:
            self.assertEqual(len(operations.names), len(operations.commands))
            filled = operations.filled(1000, 2)
            self.assertNotIn("<", filled)
            for name, command in zip(operations.names, filled.split(" | ")):
                self.assertEqual(name.replace(",", "").split()[0], command.split()[0])

    def test_every_collection_is_filled_that_is_asked(self):
        asked = set().union(*(operations.collections() for operations in growth.OPERATIONS))
        self.assertEqual(asked, set(growth.FILLS))
        self.assertEqual(growth.chosen(["spop"])[0].collections(), {"set"})

    def test_every_operation_that_was_asked_for_is_measured(self):
        asked = "HGET HSET HRANDFIELD SISMEMBER SADD SRANDMEMBER SPOP LPUSH LPOP LLEN ZADD ZSCORE ZRANK ZREVRANK XADD RANDOMKEY DBSIZE"
        names = {name for operations in growth.OPERATIONS for name in operations.names}
        self.assertLessEqual(set(asked.split()), names)

    def test_the_table_has_each_size_and_the_growth(self):
        results = {
            "machine": compared().machine,
            "settings": {"elements": [1000, 100_000], "calls": 10, "rounds": 1, "quick": False},
            "versions": {"ours": "1", "theirs": "2"},
            "medians_us": {
                "ours": {"HGET": {"1000": 20.0, "100000": 30.0}, growth.DEL: {"100000": 80.0}, growth.DEL_SMALL: {"100000": 60.0}},
                "theirs": {"HGET": {"1000": 20.0}},
            },
            "failures": ["ours, HSET at 1 000: refused"],
            "longest_us": {"ours": {growth.DEL: {"100000": 900.0}, growth.DEL_SMALL: {"100000": 400.0}}},
        }
        text = growth.markdown(results)
        self.assertIn("| HGET | 20.0 | 30.0 | 1.5 | 20.0 | – | – |", text)
        self.assertIn("took 0.08 ms (at most 0.90), of one of 10 fields 0.06 ms (at most 0.40)", text)


class Scaling(unittest.TestCase):
    def test_the_tables_have_every_figure(self):
        def figures(rate: float) -> dict:
            sizes = dict.fromkeys(("filled_memory_bytes", "memory_bytes", "peak_memory_bytes", "restarted_memory_bytes", "disk_bytes"), 1 << 20)
            return {"rates": {"GET, P=1": rate}, **sizes, "stop_s": 0.1, "restart_s": 0.2, "fill_s": 0.3}

        step = dict.fromkeys(("rate", "p50_us", "p99_us", "p99_9_us", "max_us", "longest_silence_us", "cpu_us"), 1500.0)
        step |= {"written_per_byte": None, "read_bytes_per_request": 4096.0, "stalls": {}, "memory_bytes": 1 << 20}
        results = {
            "machine": compared().machine,
            "settings": {"quick": True, "larger_keys": 10, "value_bytes": 1008, "hot_tier_size": "1mb", "block_cache_size": "2mb"}
            | {"overwrite_seconds": 3.0},
            "versions": {"ours": "1", "theirs": "2"},
            "keys": {"10": {"ours": figures(3000.0), "theirs": figures(1.0)}, "100": {"ours": figures(2000.0), "theirs": figures(1.0)}},
            "failures": [],
            "larger": {"ours": {"GET, uniform": step, "disk_bytes": 1 << 20, "how": "held", "peak_memory_bytes": 1}},
        }
        text = scale_report.keys(results)
        self.assertIn("| GET, P=1, thousands a second | 3.0 | 2.0 | 0.0 | 0.0 |", text)
        self.assertIn("rate at 10 keys / rate at 100: GET, P=1 1.50", text)
        self.assertIn("| disk | 1.00 MiB |", text)
        text = scale_report.larger(results)
        self.assertIn("| ours: GET, uniform | 1.5 | 1.50 / 1.50 / 1.50 / 1.50 | 1.50 | 1500.0 | 4.00 KiB | – | – | 1.00 MiB |", text)
        self.assertIn("- ours (held): 1.00 MiB on the disk in the end", text)


class ScarceMemory(unittest.TestCase):
    def test_where_no_control_group_can_be_made_nothing_is_left_of_the_attempt(self):
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place)
            self.assertIsNone(scarce_memory.make_group(root, "some", 1 << 30))
            (root / "cgroup.procs").touch()
            (root / "memory").mkdir()
            (root / "memory" / "cgroup.procs").touch()
            self.assertIsNone(scarce_memory.make_group(root, "some", 1 << 30))
            self.assertEqual(sorted(path.name for path in root.rglob("*")), ["cgroup.procs", "cgroup.procs", "memory"])

    def test_pages_are_forgotten_instead(self):
        with tempfile.TemporaryDirectory() as place, unittest.mock.patch.object(scarce_memory, "GROUPS", pathlib.Path(place)):
            (pathlib.Path(place) / "file").write_text("pages")
            with scarce_memory.held(os.getpid(), pathlib.Path(place), 1 << 30) as how:
                self.assertIn("forget", how)
            self.assertEqual((pathlib.Path(place) / "file").read_text(), "pages")


class Tuning(unittest.TestCase):
    def test_rows_are_unique_and_compared_with_a_row_that_is_measured(self):
        planned = tune.plan(tune.CHOICES)
        names = [name for name, _, _ in planned if name != tune.DEFAULT]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(planned) - len(names), 3)
        self.assertLessEqual({choice.base for choice in tune.CHOICES}, {name for name, _, _ in planned})

    def test_every_option_is_documented_and_has_a_reason(self):
        documented = (pages.ROOT / "catamaran.conf").read_text()
        for choice in tune.CHOICES:
            self.assertRegex(documented, rf"(?m)^{choice.name} ")
            self.assertTrue(choice.why and not choice.why.endswith("."), choice.name)

    def test_a_figure_is_told_if_it_differs_by_more_than_the_default_from_itself(self):
        noise = tune_report.spread({"small_fill_us": [2.0, 3.0, 2.5], "small_get_us": [4.0, 4.0]})
        self.assertEqual(noise, {"small_fill_us": 0.4, "small_get_us": 0.0})
        base = {"small_fill_us": 2.5, "small_get_us": 4.0}
        told = tune_report.changed({"small_fill_us": 3.0, "small_get_us": 2.0}, base, noise)
        self.assertEqual(told, "GET, page cache \u221250 %")
        self.assertEqual(tune_report.changed(base, base, noise), "nothing that is more than noise")

    def test_the_page_has_every_row(self):
        figures = {"small_fill_us": [2.0], "small_disk_bytes": [1 << 20]}
        choice = tune.choice("filter", "bloom", "none", "because")
        results = {
            "machine": compared().machine,
            "settings": {"keys": 10, "large_keys": 10, "block_cache": "1mb", "quick": True},
            "versions": {"ours": "1"},
            "rows": {"default": figures, tune_report.row_name(choice, "none"): {"small_fill_us": [1.0], "small_disk_bytes": [1 << 20]}},
            "failures": [],
        }
        text = tune_report.markdown(results, [choice])
        self.assertIn("| `rocksdb-filter` | bloom | **none**: fill \u221250 % | because |", text)
        self.assertIn("| rocksdb-filter none | 1.00 | 1.00 MiB |", text)


class Isolating(unittest.TestCase):
    def test_only_a_goal_that_is_met_is_bold(self):
        text = isolation_report.markdown(isolation())
        self.assertIn("**0.12 ms (0.07)**", text)
        self.assertIn("| 9 900 ms (0.07) |", text)
        self.assertIn("| 0.4 s |", text)

    def test_an_answer_that_is_an_error_meets_no_goal(self):
        contender = {"probes": {"PING": latencies(100, errors=1)}, "idle": {"PING": latencies(70)}}
        self.assertNotIn("**", isolation_report.goal_cell(contender, "PING", 1))

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
