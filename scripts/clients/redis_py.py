"""redis-py, the synchronous half, with RESP2 and with RESP3."""

import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ResponseError
from redis.retry import Retry

from checklist import LOCKED_PASSWORD, LOCKED_PORT, SERVER_PORT, SERVER_SOCKET, Checklist, equal, fails

SOCKET_LIMIT_S = 20.0
LARGE = bytes(range(256)) * (5 * 1024 * 1024 // 256)
THREADS = 8
INCREMENTS = 200


def connect(protocol: int, **options) -> redis.Redis:
    # Its own default tries for minutes: enough for a connection that was killed is one.
    options.setdefault("retry", Retry(NoBackoff(), 1))
    return redis.Redis(port=SERVER_PORT, protocol=protocol, socket_timeout=SOCKET_LIMIT_S, **options)


def as_text(name) -> str:
    """This client decodes a connection's name with RESP2 only."""
    return name.decode() if isinstance(name, bytes) else name


def strings_come_back_as_they_were_set(client, _):
    equal(client.set("s", "one"), True)
    equal(client.get("s"), b"one")
    equal(client.get("nothing"), None)
    equal(client.set("s", "two", nx=True), None)
    equal(client.set("s", "two", xx=True, get=True), b"one")
    equal(client.append("s", "!"), 4)
    equal(client.getrange("s", 0, -2), b"two")
    equal(client.setrange("s", 6, "end"), 9)
    equal(client.get("s"), b"two!\0\0end")
    equal(client.mset({"m1": 1, "m2": "zwei", "m3": "dré"}), True)
    equal(client.mget("m1", "nothing", "m3"), [b"1", None, "dré".encode()])
    equal(client.msetnx({"m1": 1, "new": 2}), False)
    equal(client.getset("m1", "10"), b"1")
    equal(client.getdel("m1"), b"10")
    equal(client.exists("m1", "m2", "m2"), 2)
    equal(client.strlen("m3"), 4)


def numbers_count_and_round_as_in_redis(client, _):
    equal(client.incr("n"), 1)
    equal(client.incrby("n", 2**40), 2**40 + 1)
    equal(client.decr("n", 2), 2**40 - 1)
    equal(client.incrbyfloat("f", 10.5), 10.5)
    equal(client.incrbyfloat("f", 0.1), 10.6)
    equal(client.get("f"), b"10.6")


def bitmaps_set_count_and_combine(client, _):
    equal(client.setbit("b", 7, 1), 0)
    equal(client.setbit("b", 1_000_000, 1), 0)
    equal(client.getbit("b", 7), 1)
    equal(client.getbit("b", 8), 0)
    equal(client.bitcount("b"), 2)
    equal(client.bitcount("b", 0, 7, "BIT"), 1)
    equal(client.bitpos("b", 1, 1), 1_000_000)
    client.set("x", b"\xf0\x0f")
    client.set("y", b"\xff")
    equal(client.bitop("AND", "z", "x", "y"), 2)
    equal(client.get("z"), b"\xf0\x00")
    equal(client.bitop("NOT", "z", "x"), 2)
    equal(client.get("z"), b"\x0f\xf0")
    field = client.bitfield("field", default_overflow="SAT").set("u8", "#0", 250).incrby("u8", "#0", 10).get("i4", 0)
    equal(field.execute(), [0, 255, -1])


def keys_expire(client, _):
    equal(client.set("e", "v", ex=100), True)
    equal(client.ttl("e"), 100)
    equal(client.persist("e"), True)
    equal(client.ttl("e"), -1)
    equal(client.ttl("nothing"), -2)
    equal(client.expire("e", 200, nx=True), True)
    equal(client.expire("e", 100, gt=True), False)
    equal(client.expireat("e", 4_000_000_000), True)
    equal(client.expiretime("e"), 4_000_000_000)
    equal(client.pexpiretime("e"), 4_000_000_000_000)
    equal(client.getex("e", persist=True), b"v")
    equal(client.ttl("e"), -1)
    client.psetex("short", 50, "v")
    deadline = time.monotonic() + SOCKET_LIMIT_S
    while client.get("short") is not None:
        assert time.monotonic() < deadline, "a key of 50 ms is still there"
        time.sleep(0.01)
    equal(client.exists("short"), 0)
    equal(client.setex("gone", 100, "v"), True)
    equal(client.expire("gone", -1), True)
    equal(client.get("gone"), None)


def keys_rename_copy_and_move(client, protocol):
    client.set("old", "v")
    equal(client.rename("old", "new"), True)
    equal(client.renamenx("new", "new2"), True)
    equal(client.copy("new2", "copy"), True)
    equal(client.copy("new2", "copy"), False)
    equal(client.type("copy"), b"string")
    equal(sorted(client.keys("*")), [b"copy", b"new2"])
    equal(client.move("copy", 9), True)
    with connect(protocol, db=9) as other:
        equal(other.get("copy"), b"v")
        equal(other.dbsize(), 1)
        equal(other.flushdb(), True)
    equal(client.randomkey(), b"new2")
    equal(client.unlink("new2", "nothing"), 1)
    equal(client.dbsize(), 0)


def scan_iter_finds_every_key(client, _):
    client.mset({f"scan:{number}": number for number in range(1_000)})
    client.set("other", 1)
    equal(set(client.scan_iter("scan:*")), {b"scan:%d" % number for number in range(1_000)})
    equal(set(client.scan_iter(match="*[r0]", count=7)), {b"other"} | {b"scan:%d" % n for n in range(0, 1_000, 10)})
    equal(len(set(client.scan_iter(_type="string"))), 1_001)
    equal(list(client.scan_iter(_type="hash")), [])


def a_pipeline_answers_in_order_and_keeps_its_errors_apart(client, _):
    with client.pipeline(transaction=False) as pipe:
        for number in range(1_000):
            pipe.set(f"p:{number}", number).incr(f"p:{number}")
        equal(pipe.execute(), [reply for number in range(1_000) for reply in (True, number + 1)])
    with client.pipeline(transaction=False) as pipe:
        pipe.set("word", "abc").incr("word").get("word")
        first, second, third = pipe.execute(raise_on_error=False)
        equal((first, third), (True, b"abc"))
        equal((type(second), str(second)), (ResponseError, "value is not an integer or out of range"))


def a_transaction_runs_as_one_unless_what_it_watches_was_changed(client, _):
    with client.pipeline() as pipe:
        equal(pipe.set("n", 1).incr("n").lpush("l", "a").execute(), [True, 2, 1])
        pipe.set("word", "abc").incr("word").get("word")
        first, second, third = pipe.execute(raise_on_error=False)
        equal((first, str(second), third), (True, "value is not an integer or out of range", b"abc"))
        pipe.watch("n")
        client.set("n", 10)
        pipe.multi()
        pipe.incr("n")
        fails(redis.WatchError, "Watched variable changed.", pipe.execute)
    equal(client.transaction(lambda pipe: pipe.multi() or pipe.incr("n"), "n"), [11])


def a_connection_has_a_name_and_an_id(client, protocol):
    with connect(protocol, client_name="checker", single_connection_client=True) as named:
        equal(as_text(named.client_getname()), "checker")
        equal(named.client_setname("renamed"), True)
        mine = [entry for entry in client.client_list() if entry["name"] == "renamed"]
        equal([int(entry["id"]) for entry in mine], [named.client_id()])
        equal(mine[0]["resp"], str(protocol))
        equal(mine[0]["db"], "0")
        equal(named.client_info()["name"], "renamed")
        equal(client.client_kill_filter(_id=mine[0]["id"]), 1)


def info_config_and_the_rest_of_the_server_commands_parse(client, _):
    client.set("k", "v", ex=100)
    info = client.info()
    equal((info["tcp_port"], info["role"], info["redis_mode"]), (SERVER_PORT, "master", "standalone"))
    assert info["connected_clients"] >= 1 and info["used_memory"] > 0
    equal((info["db0"]["keys"], info["db0"]["expires"]), (1, 1))
    equal("db0" in client.info("keyspace"), True)
    equal(client.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    assert {"maxmemory", "maxmemory-policy", "maxmemory-samples"} <= set(client.config_get("maxmemory*"))
    equal(client.config_set("slowlog-max-len", 64), True)
    equal(client.config_get("slowlog-max-len"), {"slowlog-max-len": "64"})
    equal(client.ping(), True)
    equal(client.echo("me"), b"me")
    assert abs(client.time()[0] - time.time()) < 3_600
    equal(client.object("encoding", "k"), b"embstr")
    get = client.command()["get"]
    equal((get["arity"], get["first_key_pos"]), (2, 1))
    assert client.command_count() > 50
    assert client.lastsave() is not None
    assert isinstance(client.slowlog_get(), list)


def decoded_responses_are_text(_, protocol):
    with connect(protocol, decode_responses=True) as client:
        client.set("word", "Grüße ☃")
        equal(client.get("word"), "Grüße ☃")
        equal(client.keys("wor*"), ["word"])
        equal(client.mget(["word", "nothing"]), ["Grüße ☃", None])
        equal(list(client.scan_iter("word")), ["word"])
        equal(client.type("word"), "string")


def threads_share_a_connection_pool(client, protocol):
    options = {"port": SERVER_PORT, "protocol": protocol, "max_connections": 4, "timeout": SOCKET_LIMIT_S}
    pool = redis.BlockingConnectionPool(**options)
    mistakes = []

    def work(number):
        try:
            mine = redis.Redis(connection_pool=pool)
            for step in range(INCREMENTS):
                mine.incr("shared")
                mine.set(f"own:{number}", step)
                equal(mine.get(f"own:{number}"), b"%d" % step)
        except Exception as error:
            mistakes.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.disconnect()
    equal(mistakes, [])
    equal(client.get("shared"), b"%d" % (THREADS * INCREMENTS))


def binary_keys_and_values_survive(client, _):
    every_byte = bytes(range(256))
    equal(client.set(every_byte, every_byte[::-1]), True)
    equal(client.get(every_byte), every_byte[::-1])
    equal(client.keys(), [every_byte])
    equal(client.set("", ""), True)
    equal(client.get(""), b"")
    equal(client.set("crlf", b"\r\n$5\r\n"), True)
    equal(client.get("crlf"), b"\r\n$5\r\n")


def values_of_5_mb_survive(client, _):
    equal(client.set("large", LARGE), True)
    equal(client.strlen("large"), len(LARGE))
    assert client.get("large") == LARGE
    equal(client.append("large", b"tail"), len(LARGE) + 4)
    equal(client.getrange("large", len(LARGE) - 2, -1), LARGE[-2:] + b"tail")
    equal(client.setrange("large", 3_000_000, b"middle"), len(LARGE) + 4)
    assert client.get("large") == LARGE[:3_000_000] + b"middle" + LARGE[3_000_006:] + b"tail"


def a_pipeline_of_several_such_values_survives(client, _):
    pipe = client.pipeline(transaction=False)
    for number in range(3):
        pipe.set(f"large:{number}", LARGE)
    equal(pipe.execute(), [True] * 3)
    assert client.mget([f"large:{number}" for number in range(3)]) == [LARGE] * 3


def errors_are_response_errors_with_redis_texts(client, _):
    client.set("word", "abc")
    fails(ResponseError, "value is not an integer or out of range", client.incr, "word")
    fails(ResponseError, "value is not a valid float", client.incrbyfloat, "word", 1)
    fails(ResponseError, "wrong number of arguments for 'get' command", client.execute_command, "GET")
    fails(ResponseError, "syntax error", client.execute_command, "SET", "k", "v", "BOGUS")
    fails(ResponseError, "invalid expire time in 'setex' command", client.setex, "k", 0, "v")
    fails(ResponseError, "offset is out of range", client.setrange, "k", -1, "v")
    fails(ResponseError, "bit offset is not an integer or out of range", client.setbit, "k", 2**32, 1)
    fails(ResponseError, "no such key", client.rename, "nothing", "k")
    fails(
        ResponseError,
        "unknown command 'NOSUCH', with args beginning with: 'a' ",
        client.execute_command,
        "NOSUCH",
        "a",
    )
    client.set("max", 2**63 - 1)
    fails(ResponseError, "increment or decrement would overflow", client.incr, "max")


def a_password_is_asked_for_and_checked(_, protocol):
    locked = {"port": LOCKED_PORT, "protocol": protocol, "socket_timeout": SOCKET_LIMIT_S}
    with redis.Redis(password=LOCKED_PASSWORD, **locked) as client:
        equal(client.set("k", "v"), True)
        equal(client.get("k"), b"v")
    with redis.Redis(username="default", password=LOCKED_PASSWORD, **locked) as client:
        equal(client.get("k"), b"v")
    wrong = "invalid username-password pair or user is disabled."
    with redis.Redis(password="wrong", **locked) as client:
        fails(AuthenticationError, wrong, client.get, "k")
    with redis.Redis(username="nobody", password=LOCKED_PASSWORD, **locked) as client:
        fails(AuthenticationError, wrong, client.get, "k")


def without_a_password_nothing_is_answered(_, __):
    # RESP3's HELLO would be refused before the command is: here it is the command itself that counts.
    with redis.Redis(port=LOCKED_PORT, protocol=2, socket_timeout=SOCKET_LIMIT_S) as client:
        fails(AuthenticationError, "Authentication required.", client.get, "k")
    with redis.Redis(port=LOCKED_PORT, protocol=3, socket_timeout=SOCKET_LIMIT_S) as client:
        try:
            client.get("k")
        except AuthenticationError as error:
            assert "AUTH" in str(error) or "Authentication required" in str(error), error
        else:
            raise AssertionError("a command was answered without a password")


def a_unix_socket_serves_the_same_keys(client, protocol):
    client.set("k", "over tcp")
    with redis.Redis(unix_socket_path=SERVER_SOCKET, protocol=protocol) as local:
        equal(local.get("k"), b"over tcp")
        equal(local.set("k", LARGE), True)
    assert client.get("k") == LARGE
    with redis.Redis.from_url(f"unix://{SERVER_SOCKET}?db=4&protocol={protocol}") as local:
        equal(local.get("k"), None)


def a_killed_connection_is_opened_again(client, protocol):
    with connect(protocol, single_connection_client=True, client_name="victim") as victim:
        first = victim.client_id()
        equal(client.client_kill_filter(_id=first), 1)
        assert victim.client_id() != first
        equal(as_text(victim.client_getname()), "victim")


CHECKS = [
    strings_come_back_as_they_were_set,
    numbers_count_and_round_as_in_redis,
    bitmaps_set_count_and_combine,
    keys_expire,
    keys_rename_copy_and_move,
    scan_iter_finds_every_key,
    a_transaction_runs_as_one_unless_what_it_watches_was_changed,
    a_pipeline_answers_in_order_and_keeps_its_errors_apart,
    a_connection_has_a_name_and_an_id,
    info_config_and_the_rest_of_the_server_commands_parse,
    decoded_responses_are_text,
    threads_share_a_connection_pool,
    binary_keys_and_values_survive,
    values_of_5_mb_survive,
    a_pipeline_of_several_such_values_survives,
    errors_are_response_errors_with_redis_texts,
    a_password_is_asked_for_and_checked,
    without_a_password_nothing_is_answered,
    a_unix_socket_serves_the_same_keys,
    a_killed_connection_is_opened_again,
]

if __name__ == "__main__":
    checklist = Checklist()
    for spoken in (2, 3):
        with connect(spoken) as shared:
            for each in CHECKS:
                shared.flushall()
                checklist.run(each, shared, spoken, label=f"RESP{spoken}")
    checklist.finish()
