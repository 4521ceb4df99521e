"""redis-cli, in each of its modes that a server has to do something for."""

import json
import re
import subprocess

from checklist import LOCKED_PASSWORD, LOCKED_PORT, SERVER_PORT, SERVER_SOCKET, Checklist, equal

# What one call may take, on a machine that does other things besides.
CALL_LIMIT_S = 60.0
PIPED_KEYS = 5_000


def cli(*arguments: str, stdin: str | bytes = b"", port: int = SERVER_PORT, status: int = 0) -> str:
    """What redis-cli prints when its output is a pipe: raw, that is without quotes and types."""
    where = [] if "-s" in arguments or "-u" in arguments else ["-p", str(port)]
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(["redis-cli", *where, *arguments], input=stdin, capture_output=True, timeout=CALL_LIMIT_S)
    equal((done.returncode, done.stderr.decode()), (status, ""))
    return done.stdout.decode()


def typed(*arguments: str) -> str:
    """What redis-cli prints on a terminal."""
    return cli("--no-raw", *arguments)


def simple_commands_print_what_they_print_of_redis():
    equal(typed("FLUSHALL"), "OK\n")
    equal(typed("PING"), "PONG\n")
    equal(typed("SET", "greeting", "hello world"), "OK\n")
    equal(typed("GET", "greeting"), '"hello world"\n')
    equal(typed("GET", "nothing"), "(nil)\n")
    equal(typed("INCRBY", "counter", "41"), "(integer) 41\n")
    equal(typed("MGET", "greeting", "nothing", "counter"), '1) "hello world"\n2) (nil)\n3) "41"\n')
    equal(typed("EXPIRE", "counter", "100"), "(integer) 1\n")
    equal(typed("TTL", "greeting"), "(integer) -1\n")
    equal(typed("TYPE", "greeting"), "string\n")
    equal(typed("DBSIZE"), "(integer) 2\n")
    equal(typed("DEL", "greeting", "counter", "nothing"), "(integer) 2\n")


def errors_are_printed_and_set_the_status_only_with_e():
    equal(cli("GET"), "ERR wrong number of arguments for 'get' command\n\n")
    equal(typed("GET"), "(error) ERR wrong number of arguments for 'get' command\n")
    equal(typed("SET", "k", "v", "EX", "never"), "(error) ERR value is not an integer or out of range\n")
    equal(typed("SET", "k", "v", "XX", "NX"), "(error) ERR syntax error\n")
    equal(typed("NOSUCH", "a", "b"), "(error) ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \n")
    failed = subprocess.run(
        ["redis-cli", "-p", str(SERVER_PORT), "-e", "GET"], capture_output=True, timeout=CALL_LIMIT_S, text=True
    )
    equal(failed.returncode, 1)
    equal(failed.stdout + failed.stderr, "ERR wrong number of arguments for 'get' command\n")


def a_script_of_commands_on_standard_input_runs_in_order():
    equal(cli(stdin="SET seq a\nAPPEND seq b\nAPPEND seq c\nGET seq\n"), "OK\n2\n3\nabc\n")
    equal(cli(stdin='SET "a key" "tab\\there"\nSTRLEN "a key"\n'), "OK\n8\n")


def x_reads_the_last_argument_from_standard_input():
    equal(cli("-x", "SET", "binary", stdin=b"\x00\xff\r\n\x01"), "OK\n")
    equal(typed("GET", "binary"), '"\\x00\\xff\\r\\n\\x01"\n')


def r_repeats_and_n_selects_a_database():
    cli("FLUSHALL")
    equal(cli("-r", "3", "-i", "0.01", "-n", "5", "INCR", "hits"), "1\n2\n3\n")
    equal(cli("-n", "5", "GET", "hits"), "3\n")
    equal(cli("EXISTS", "hits"), "0\n")


def a_url_a_unix_socket_and_a_password_connect():
    equal(cli("-u", f"redis://127.0.0.1:{SERVER_PORT}/3", "SET", "where", "three"), "OK\n")
    equal(cli("-s", SERVER_SOCKET, "-n", "3", "GET", "where"), "three\n")
    equal(cli("--no-auth-warning", "-a", LOCKED_PASSWORD, "PING", port=LOCKED_PORT), "PONG\n")
    equal(cli("--user", "default", "--pass", LOCKED_PASSWORD, "--no-auth-warning", "PING", port=LOCKED_PORT), "PONG\n")
    equal(cli("PING", port=LOCKED_PORT), "NOAUTH Authentication required.\n\n")


def scan_lists_every_key_once_it_has_listed_all():
    cli("FLUSHALL")
    cli(stdin="".join(f"SET scan:{number} {number}\n" for number in range(300)) + "SET other 1\n")
    equal(set(cli("--scan").split()), {f"scan:{number}" for number in range(300)} | {"other"})
    equal(set(cli("--scan", "--pattern", "scan:29?").split()), {f"scan:29{digit}" for digit in range(10)})


def bigkeys_finds_the_biggest_string():
    cli("FLUSHALL")
    cli(stdin="".join(f"SET small:{number} x\n" for number in range(50)))
    cli("SETRANGE", "large", "99999", "x")
    report = cli("--bigkeys")
    assert 'Biggest string found \'"large"\' has 100000 bytes' in report, report
    assert "Sampled 51 keys in the keyspace!" in report, report
    assert "51 strings with 100050 bytes (100.00% of keys, avg size 1961.76)" in report, report


def memkeys_finds_the_largest_string():
    cli("FLUSHALL")
    cli("SET", "small", "x")
    cli("SETRANGE", "large", "99999", "x")
    report = cli("--memkeys")
    found = re.search(r"Biggest string found '\"large\"' has (\d+) bytes", report)
    assert found and int(found.group(1)) >= 100_000, report


def resp3_is_spoken_with_3():
    hello = typed("-3", "HELLO")
    assert '# "proto" => (integer) 3\n' in hello and hello.startswith('1# "server" => "'), hello
    equal(typed("-3", "GET", "nothing"), "(nil)\n")
    assert re.match(r'1# "maxmemory" => "\d+"\n$', typed("-3", "CONFIG", "GET", "maxmemory"))
    equal(json.loads(cli("-3", "--json", "CONFIG", "GET", "maxmemory-policy")), {"maxmemory-policy": "noeviction"})
    equal(typed("CONFIG", "GET", "maxmemory-policy"), '1) "maxmemory-policy"\n2) "noeviction"\n')


def json_and_csv_output_work():
    equal(cli("MSET", "j1", "one", "j2", 'with "quotes"'), "OK\n")
    equal(json.loads(cli("--json", "MGET", "j1", "nothing", "j2")), ["one", None, 'with "quotes"'])
    equal(cli("--csv", "MGET", "j1", "nothing", "j2"), '"one",NULL,"with \\"quotes\\""\n')


def pipe_mode_loads_everything_and_counts_errors():
    cli("FLUSHALL")
    plain = "".join(f"SET pipe:{number} value:{number}\r\n" for number in range(PIPED_KEYS))
    report = cli("--pipe", stdin=plain)
    assert f"errors: 0, replies: {PIPED_KEYS}\n" in report, report
    equal(cli("DBSIZE"), f"{PIPED_KEYS}\n")
    equal(cli("GET", f"pipe:{PIPED_KEYS - 1}"), f"value:{PIPED_KEYS - 1}\n")

    framed = b"*3\r\n$3\r\nSET\r\n$4\r\nsafe\r\n$4\r\n\x00\r\n\xff\r\n*2\r\n$4\r\nINCR\r\n$4\r\nsafe\r\n"
    done = subprocess.run(
        ["redis-cli", "-p", str(SERVER_PORT), "--pipe"], input=framed, capture_output=True, timeout=CALL_LIMIT_S
    )
    equal(done.returncode, 1)
    assert b"errors: 1, replies: 2\n" in done.stdout, done.stdout
    assert b"ERR value is not an integer or out of range" in done.stdout + done.stderr, done
    equal(cli("STRLEN", "safe"), "4\n")


def latency_measures_for_a_second():
    line = cli("--latency", "-i", "1")
    minimum, maximum, mean, samples = line.split()
    assert int(samples) > 0 and int(minimum) <= float(mean) <= int(maximum), line


def info_has_the_fields_that_tools_read():
    cli("FLUSHALL")
    cli(stdin="SET a 1\nSET b 2\n")
    info = dict(line.split(":", 1) for line in cli("INFO", "everything").splitlines() if ":" in line)
    equal(info["tcp_port"], str(SERVER_PORT))
    equal(info["role"], "master")
    equal(info["redis_mode"], "standalone")
    equal(info["db0"].split(",")[0], "keys=2")
    for name in ("uptime_in_seconds", "connected_clients", "used_memory", "total_commands_processed", "keyspace_hits"):
        assert int(info[name]) >= 0, name
    equal(cli("INFO", "clients").splitlines()[0], "# Clients")


def server_commands_answer():
    assert int(cli("TIME").split()[0]) > 1_700_000_000
    assert int(cli("COMMAND", "COUNT")) > 50
    assert int(cli("CLIENT", "ID")) > 0
    equal(cli("CONFIG", "SET", "maxmemory-samples", "7"), "OK\n")
    equal(cli("CONFIG", "GET", "maxmemory-samples"), "maxmemory-samples\n7\n")
    assert "name=me " in cli(stdin="CLIENT SETNAME me\nCLIENT LIST\n")


CHECKS = [
    simple_commands_print_what_they_print_of_redis,
    errors_are_printed_and_set_the_status_only_with_e,
    a_script_of_commands_on_standard_input_runs_in_order,
    x_reads_the_last_argument_from_standard_input,
    r_repeats_and_n_selects_a_database,
    a_url_a_unix_socket_and_a_password_connect,
    scan_lists_every_key_once_it_has_listed_all,
    bigkeys_finds_the_biggest_string,
    memkeys_finds_the_largest_string,
    resp3_is_spoken_with_3,
    json_and_csv_output_work,
    pipe_mode_loads_everything_and_counts_errors,
    latency_measures_for_a_second,
    info_has_the_fields_that_tools_read,
    server_commands_answer,
]

if __name__ == "__main__":
    checklist = Checklist()
    for check in CHECKS:
        checklist.run(check)
    checklist.finish()
