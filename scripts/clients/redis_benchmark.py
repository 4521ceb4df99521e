"""redis-benchmark: it ends without an error or a warning, and the server holds what it has written."""

import re
import subprocess

from checklist import LOCKED_PASSWORD, LOCKED_PORT, SERVER_PORT, SERVER_SOCKET, Checklist, equal

RUN_LIMIT_S = 120.0
REQUESTS = 2_000
TESTS = "ping,set,get,incr,mset"
TITLES = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"]
COLLECTIONS = ["LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN"]
LRANGES = ["LPUSH (needed to benchmark LRANGE)", *(f"LRANGE_{n} (first {n} elements)" for n in (100, 300, 500, 600))]


def benchmark(*arguments: str, where: tuple[str, ...] = ("-p", str(SERVER_PORT)), tests: str = TESTS) -> str:
    command = ["redis-benchmark", *where, "-n", str(REQUESTS), "-t", tests, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=RUN_LIMIT_S, text=True)
    equal((done.returncode, done.stderr), (0, ""))
    assert "WARN" not in done.stdout and "rror" not in done.stdout, done.stdout
    return done.stdout


def quiet(*arguments: str, titles: list[str] = TITLES, **options) -> None:
    """Every test has its line with the final rate. What stands between them is progress."""
    output = benchmark("-q", *arguments, **options)
    equal(re.findall(r"^([^:\r\n]+): [0-9.]+ requests per second, p50=[0-9.]+ msec", output, re.MULTILINE), titles)


def ask(*command: str) -> str:
    done = subprocess.run(
        ["redis-cli", "-p", str(SERVER_PORT), *command], capture_output=True, timeout=RUN_LIMIT_S, text=True, check=True
    )
    return done.stdout.strip()


def a_pipelined_run_ends_without_errors_and_loses_no_increment():
    ask("FLUSHALL")
    quiet("-P", "4")
    equal(ask("GET", "counter:__rand_int__"), str(REQUESTS))
    equal(ask("GET", "key:__rand_int__"), "VXK")
    equal(ask("DBSIZE"), "2")


def a_run_of_50_clients_over_1000_keys_ends_without_errors():
    ask("FLUSHALL")
    quiet("-c", "50", "-r", "1000")
    # 20 000 keys drawn from a thousand by MSET alone; each of them with the value of its test.
    keys = ask("KEYS", "key:*").split()
    assert 950 <= len(keys) <= 1000, len(keys)
    assert all(re.fullmatch(r"key:000000000[0-9]{3}", key) for key in keys), keys[:5]
    counters = ask("KEYS", "counter:*").split()
    equal(sum(int(count) for count in ask("MGET", *counters).split()), REQUESTS)


def runs_over_collections_leave_what_they_pushed_and_did_not_pop():
    ask("FLUSHALL")
    tests = ",".join(title.lower() for title in COLLECTIONS)
    quiet("-P", "4", tests=tests, titles=COLLECTIONS)
    equal(ask("KEYS", "*"), "myhash")
    quiet("-P", "4", tests="lrange", titles=LRANGES)
    equal(ask("LLEN", "mylist"), str(REQUESTS))
    ask("FLUSHALL")
    quiet("-r", "100000", "-c", "20", tests="sadd,hset,zadd", titles=["SADD", "HSET", "ZADD"])
    for count in (ask("SCARD", "myset"), ask("HLEN", "myhash"), ask("ZCARD", "myzset")):
        # Drawn from 100 000, few come twice.
        assert REQUESTS * 0.9 < int(count) <= REQUESTS, count


def values_of_4_kib_arrive_whole():
    ask("FLUSHALL")
    quiet("-d", "4096", "-P", "8")
    equal(ask("STRLEN", "key:__rand_int__"), "4096")


def a_unix_socket_a_password_resp3_and_threads_work():
    quiet(where=("-s", SERVER_SOCKET))
    quiet(where=("-p", str(LOCKED_PORT), "-a", LOCKED_PASSWORD))
    quiet("-3")
    quiet("--threads", "2")


def the_long_report_names_the_servers_configuration():
    report = benchmark("-c", "10")
    for title in TITLES:
        assert f"====== {title} ======" in report, title
    equal(report.count(f"{REQUESTS} requests completed in"), len(TITLES))
    equal(report.count("host configuration \"save\": "), len(TITLES))
    equal(report.count("host configuration \"appendonly\": "), len(TITLES))


CHECKS = [
    a_pipelined_run_ends_without_errors_and_loses_no_increment,
    a_run_of_50_clients_over_1000_keys_ends_without_errors,
    runs_over_collections_leave_what_they_pushed_and_did_not_pop,
    values_of_4_kib_arrive_whole,
    a_unix_socket_a_password_resp3_and_threads_work,
    the_long_report_names_the_servers_configuration,
]

if __name__ == "__main__":
    checklist = Checklist()
    for check in CHECKS:
        checklist.run(check)
    checklist.finish()
