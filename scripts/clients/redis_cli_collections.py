"""redis-cli and the collection types: how replies of each shape are printed, and the modes that look at all keys."""

import json
import subprocess
import time

from checklist import SERVER_PORT, Checklist, equal
from redis_cli import CALL_LIMIT_S, cli, typed

WRONG_TYPE = "(error) WRONGTYPE Operation against a key holding the wrong kind of value\n"


def hashes_print_as_lists_and_with_resp3_as_maps():
    cli("FLUSHALL")
    equal(typed("HSET", "h", "f", "v", "g", "2"), "(integer) 2\n")
    equal(typed("HGETALL", "h"), '1) "f"\n2) "v"\n3) "g"\n4) "2"\n')
    equal(typed("-3", "HGETALL", "h"), '1# "f" => "v"\n2# "g" => "2"\n')
    equal(typed("HMGET", "h", "g", "nothing"), '1) "2"\n2) (nil)\n')
    equal(typed("-3", "HRANDFIELD", "h", "2", "WITHVALUES"), '1) 1) "f"\n   2) "v"\n2) 1) "g"\n   2) "2"\n')
    equal(typed("HSCAN", "h", "0"), '1) "0"\n2) 1) "f"\n   2) "v"\n   3) "g"\n   4) "2"\n')
    equal(typed("HGETALL", "nothing"), "(empty array)\n")
    equal(typed("-3", "HGETALL", "nothing"), "(empty hash)\n")
    equal(typed("HINCRBYFLOAT", "h", "g", "0.1"), '"2.1"\n')
    equal(typed("HSET", "h", "f"), "(error) ERR wrong number of arguments for 'hset' command\n")


def lists_print_their_elements_in_order():
    cli("FLUSHALL")
    equal(typed("RPUSH", "l", "a", "b", "c"), "(integer) 3\n")
    equal(typed("LRANGE", "l", "0", "-1"), '1) "a"\n2) "b"\n3) "c"\n')
    equal(typed("LPOS", "l", "b"), "(integer) 1\n")
    equal(typed("LMOVE", "l", "m", "LEFT", "RIGHT"), '"a"\n')
    equal(typed("LMPOP", "2", "nothing", "l", "RIGHT", "COUNT", "2"), '1) "l"\n2) 1) "c"\n   2) "b"\n')
    equal((typed("LPOP", "l"), typed("LPOP", "l", "2"), typed("LRANGE", "l", "0", "-1")), ("(nil)\n", "(nil)\n", "(empty array)\n"))
    equal((typed("BLPOP", "l", "m", "0"), typed("BLPOP", "m", "0.05")), ('1) "m"\n2) "a"\n', "(nil)\n"))
    equal(typed("LSET", "l", "0", "x"), "(error) ERR no such key\n")


def sets_print_with_resp3_as_sets():
    cli("FLUSHALL")
    equal(typed("SADD", "s", "a", "a"), "(integer) 1\n")
    equal((typed("SMEMBERS", "s"), typed("-3", "SMEMBERS", "s")), ('1) "a"\n', '1~ "a"\n'))
    equal((typed("-3", "SINTER", "s", "s"), typed("-3", "SPOP", "s", "3")), ('1~ "a"\n', '1~ "a"\n'))
    equal((typed("SMEMBERS", "s"), typed("-3", "SMEMBERS", "s")), ("(empty array)\n", "(empty set)\n"))


def scores_print_with_resp3_as_doubles():
    cli("FLUSHALL")
    equal(typed("ZADD", "z", "1", "a", "2.5", "b", "inf", "c"), "(integer) 3\n")
    equal(typed("ZRANGE", "z", "0", "-1", "WITHSCORES"), '1) "a"\n2) "1"\n3) "b"\n4) "2.5"\n5) "c"\n6) "inf"\n')
    nested = '1) 1) "a"\n   2) (double) 1\n2) 1) "b"\n   2) (double) 2.5\n3) 1) "c"\n   2) (double) inf\n'
    equal(typed("-3", "ZRANGE", "z", "0", "-1", "WITHSCORES"), nested)
    equal((typed("ZSCORE", "z", "b"), typed("-3", "ZSCORE", "z", "c")), ('"2.5"\n', "(double) inf\n"))
    equal(typed("ZMPOP", "1", "z", "MAX"), '1) "z"\n2) 1) 1) "c"\n      2) "inf"\n')
    equal((typed("ZPOPMIN", "z"), typed("ZADD", "z", "XX", "INCR", "1", "none")), ('1) "a"\n2) "1"\n', "(nil)\n"))
    equal((typed("-3", "ZINCRBY", "z", "0.25", "b"), typed("ZRANK", "z", "none")), ("(double) 2.75\n", "(nil)\n"))
    equal(typed("-3", "BZPOPMIN", "z", "0"), '1) "z"\n2) "b"\n3) (double) 2.75\n')


def streams_print_as_nested_lists_and_maps():
    cli("FLUSHALL")
    equal(typed("XADD", "x", "1-1", "f", "v"), '"1-1"\n')
    equal(typed("XRANGE", "x", "-", "+"), '1) 1) "1-1"\n   2) 1) "f"\n      2) "v"\n')
    entries = '1) 1) "x"\n   2) 1) 1) "1-1"\n         2) 1) "f"\n            2) "v"\n'
    equal(typed("XREAD", "STREAMS", "x", "0"), entries)
    as_map = '1# "x" => \n   1) 1) "1-1"\n      2) 1) "f"\n         2) "v"\n'
    equal(typed("-3", "XREAD", "STREAMS", "x", "0"), as_map)
    equal((typed("XREAD", "STREAMS", "x", "$"), typed("XGROUP", "CREATE", "x", "g", "0")), ("(nil)\n", "OK\n"))
    equal(typed("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"), entries)
    equal(typed("XPENDING", "x", "g"), '1) (integer) 1\n2) "1-1"\n3) "1-1"\n4) 1) 1) "c"\n      2) "1"\n')
    group = ['1) 1# "name" => "g"', '   2# "consumers" => (integer) 1', '   3# "pending" => (integer) 1']
    group += ['   4# "last-delivered-id" => "1-1"', '   5# "entries-read" => (integer) 1', '   6# "lag" => (integer) 0']
    equal(typed("-3", "XINFO", "GROUPS", "x").splitlines(), group)


def positions_print_all_their_digits():
    cli("FLUSHALL")
    cli("GEOADD", "geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania")
    equal(typed("GEOPOS", "geo", "Palermo", "no"), '1) 1) "13.36138933897018433"\n   2) "38.11555639549629859"\n2) (nil)\n')
    equal(typed("GEODIST", "geo", "Palermo", "Catania", "km"), '"166.2742"\n')
    search = ("GEOSEARCH", "geo", "FROMLONLAT", "15", "37", "BYRADIUS", "100", "km", "WITHDIST", "WITHCOORD")
    doubles = '   3) 1) (double) 15.08726745843887329\n      2) (double) 37.50266842333162032\n'
    equal(typed("-3", *search), '1) 1) "Catania"\n   2) "56.4413"\n' + doubles)
    equal((typed("PFADD", "p", "a", "b"), typed("PFCOUNT", "p")), ("(integer) 1\n", "(integer) 2\n"))


def wrong_types_are_refused():
    cli("FLUSHALL")
    cli(stdin="RPUSH l x\nSET s x\n")
    for command in (["GET", "l"], ["HGET", "l", "f"], ["SADD", "s", "m"], ["ZADD", "l", "1", "m"], ["LPUSH", "s", "x"]):
        equal(typed(*command), WRONG_TYPE)


def json_and_csv_know_nested_replies():
    cli("FLUSHALL")
    cli(stdin="HSET h a 1 b 2\nZADD z 1.5 m\nRPUSH l x y\nXADD x 1-1 f v\n")
    equal(json.loads(cli("--json", "HGETALL", "h")), {"a": "1", "b": "2"})
    equal(json.loads(cli("--json", "ZRANGE", "z", "0", "-1", "WITHSCORES")), [["m", 1.5]])
    equal(json.loads(cli("--json", "XRANGE", "x", "-", "+")), [["1-1", ["f", "v"]]])
    equal((cli("--csv", "LRANGE", "l", "0", "-1"), cli("-3", "--csv", "HGETALL", "h")), ('"x","y"\n', '"a","1","b","2"\n'))


def bigkeys_finds_the_biggest_of_each_type():
    cli("FLUSHALL")
    cli(stdin="".join(f"RPUSH list:{number} x\n" for number in range(50)))
    cli(stdin="RPUSH l 1 2 3\nHSET h a 1 b 2\nSADD s 1 2 3 4\nZADD z 1 m\nXADD x 1-1 f v\nSET w 12345\n")
    report = cli("--bigkeys")
    for line in (
        "Sampled 56 keys in the keyspace!",
        "Biggest   list found '\"l\"' has 3 items",
        "Biggest   hash found '\"h\"' has 2 fields",
        "Biggest    set found '\"s\"' has 4 members",
        "Biggest   zset found '\"z\"' has 1 members",
        "Biggest stream found '\"x\"' has 1 entries",
        "51 lists with 53 items (91.07% of keys, avg size 1.04)",
    ):
        assert line in report, report
    assert "Biggest stream found '\"x\"' has " in cli("--memkeys")


def a_blocked_client_prints_once_somebody_pushes():
    cli("FLUSHALL")
    commands = (["BLPOP", "l", "0"], ["BLMOVE", "from", "to", "LEFT", "LEFT", "0"], ["XREAD", "BLOCK", "0", "STREAMS", "x", "$"])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    waiting = [subprocess.Popen(["redis-cli", "-p", str(SERVER_PORT), *command], **pipes) for command in commands]
    try:
        deadline = time.monotonic() + CALL_LIMIT_S
        while f"blocked_clients:{len(commands)}\n" not in cli("INFO", "clients").replace("\r", ""):
            assert time.monotonic() < deadline, "the clients do not block"
        cli(stdin="RPUSH l v\nRPUSH from w\nXADD x 1-1 f v\n")
        outputs = [client.communicate(timeout=CALL_LIMIT_S)[0] for client in waiting]
    finally:
        for client in waiting:
            client.kill()
            client.wait()
    equal(outputs, ["l\nv\n", "w\n", "x\n1-1\nf\nv\n"])


def pipe_mode_loads_collections():
    cli("FLUSHALL")
    lines = "".join(f"HSET h f{n} {n}\r\nRPUSH l {n}\r\nSADD s {n}\r\nZADD z {n} m{n}\r\nXADD x {n}-1 n {n}\r\n" for n in range(1, 1_001))
    report = cli("--pipe", stdin=lines)
    assert "errors: 0, replies: 5000\n" in report, report
    equal(cli(stdin="HLEN h\nLLEN l\nSCARD s\nZCARD z\nXLEN x\n"), "1000\n" * 5)


CHECKS = [
    hashes_print_as_lists_and_with_resp3_as_maps,
    lists_print_their_elements_in_order,
    sets_print_with_resp3_as_sets,
    scores_print_with_resp3_as_doubles,
    streams_print_as_nested_lists_and_maps,
    positions_print_all_their_digits,
    wrong_types_are_refused,
    json_and_csv_know_nested_replies,
    bigkeys_finds_the_biggest_of_each_type,
    a_blocked_client_prints_once_somebody_pushes,
    pipe_mode_loads_collections,
]

if __name__ == "__main__":
    checklist = Checklist()
    for check in CHECKS:
        checklist.run(check)
    checklist.finish()
