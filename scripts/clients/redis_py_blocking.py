"""redis-py and the blocking commands, with RESP2 and with RESP3: clients that wait, in threads, and others that push."""

import threading
import time

from redis.exceptions import ConnectionError, ResponseError

from checklist import Checklist, equal, expect_error
from redis_py import connect

LIMIT_S = 15.0
WAITERS = 30


class Waiter:
    """One command on a connection of its own, which is under way, and seen to block, once this is made."""

    def __init__(self, client, protocol: int, call, blocks: bool = True):
        blocked = blocked_clients(client)
        self._connection = connect(protocol, single_connection_client=True, retry=None)
        self.id = self._connection.client_id()
        self._outcome = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()
        if blocks:
            wait_until(lambda: blocked_clients(client) == blocked + 1, "a blocked client")

    def _run(self, call) -> None:
        try:
            self._outcome = (call(self._connection), None)
        except Exception as error:
            self._outcome = (None, error)

    def still_waits(self) -> bool:
        return self._outcome is None

    def outcome(self):
        self._thread.join(LIMIT_S)
        assert self._outcome is not None, "still blocked"
        self._connection.close()
        return self._outcome

    def reply(self):
        reply, error = self.outcome()
        if error is not None:
            raise error
        return reply


def blocked_clients(client) -> int:
    return client.info("clients")["blocked_clients"]


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S:g} s"
        time.sleep(0.005)


def listed(values):
    """Tuples with RESP2 are lists with RESP3."""
    return list(values) if isinstance(values, (list, tuple)) else values


def what_is_there_is_answered_at_once(client, protocol):
    client.rpush("l", "a", "b", "c", "d")
    client.zadd("z", {"m": 1, "n": 2, "o": 3})
    equal(listed(client.blpop(["nothing", "l"], 0)), [b"l", b"a"])
    equal(listed(client.brpop("l", 0)), [b"l", b"d"])
    equal((client.blmove("l", "m", 0, "LEFT", "RIGHT"), client.brpoplpush("l", "m", 0)), (b"b", b"c"))
    equal(client.blmpop(0, 1, "m", direction="LEFT", count=5), [b"m", [b"c", b"b"]])
    equal(listed(client.bzpopmin("z", 0)), [b"z", b"m", 1.0])
    equal(listed(client.bzpopmax(["nothing", "z"], 0)), [b"z", b"o", 3.0])
    equal(client.bzmpop(0, 1, ["z"], min=True), [b"z", [[b"n", {2: b"2", 3: 2.0}[protocol]]]])
    equal(client.exists("l", "m", "z"), 0)


def nobody_waits_longer_than_the_timeout(client, protocol):
    begin = time.monotonic()
    equal((client.blpop("l", 0.1), client.brpop("l", 0.1), client.blmove("l", "m", 0.1)), (None, None, None))
    equal((client.blmpop(0.1, 1, "l", direction="LEFT"), client.bzpopmin("z", 0.1)), (None, None))
    equal(client.bzmpop(0.1, 1, ["z"], min=True), None)
    client.xgroup_create("x", "g", mkstream=True)
    nothing = {2: [], 3: {}}[protocol]
    equal((client.xread({"x": "$"}, block=100), client.xreadgroup("g", "c", {"x": ">"}, block=100)), (nothing, nothing))
    took = time.monotonic() - begin
    assert 0.8 <= took < LIMIT_S, took
    equal(client.ping(), True)


def a_push_serves_whoever_waits(client, protocol):
    popped = [b"q", [b"1", b"2"]]
    score = {2: b"1", 3: 1.0}[protocol]
    cases = [
        (lambda c: c.blpop(["other", "l"], 0), lambda: client.rpush("l", "v"), [b"l", b"v"]),
        (lambda c: c.brpop("l", 0), lambda: client.lpush("l", "v", "w"), [b"l", b"v"]),
        (lambda c: c.blmove("from", "to", 0, "RIGHT", "LEFT"), lambda: client.rpush("from", "x"), b"x"),
        (lambda c: c.blmpop(0, 2, "other", "q", direction="LEFT", count=2), lambda: client.rpush("q", 1, 2, 3), popped),
        (lambda c: c.bzpopmin(["other", "z"], 0), lambda: client.zadd("z", {"a": 2, "b": 1.5}), [b"z", b"b", 1.5]),
        (lambda c: c.bzpopmax("y", 0), lambda: client.zincrby("y", 3, "m"), [b"y", b"m", 3.0]),
        (lambda c: c.bzmpop(0, 1, ["y"], max=True), lambda: client.zadd("y", {"m": 1}), [b"y", [[b"m", score]]]),
    ]
    for wait, push, expected in cases:
        waiter = Waiter(client, protocol, wait)
        push()
        equal(listed(waiter.reply()), expected)
    equal((client.lrange("l", 0, -1), client.lrange("to", 0, -1), client.lrange("q", 0, -1)), ([b"w"], [b"x"], [b"3"]))
    equal((client.exists("from", "y"), client.zrange("z", 0, -1)), (0, [b"a"]))


def streams_serve_their_readers(client, protocol):
    client.xadd("x", {"old": 1}, id="1-1")
    client.xgroup_create("x", "g", "$")
    readers = [Waiter(client, protocol, lambda c: c.xread({"x": "$", "y": "0"}, block=0)) for _ in range(2)]
    member = Waiter(client, protocol, lambda c: c.xreadgroup("g", "ann", {"x": ">"}, block=0))
    client.xadd("x", {"new": 1}, id="2-1")
    expected = {2: [[b"x", [(b"2-1", {b"new": b"1"})]]], 3: {b"x": [[(b"2-1", {b"new": b"1"})]]}}[protocol]
    equal([reader.reply() for reader in (*readers, member)], [expected] * 3)
    equal(client.xpending("x", "g")["pending"], 1)
    member = Waiter(client, protocol, lambda c: c.xreadgroup("g", "ann", {"x": ">"}, block=0))
    client.xgroup_destroy("x", "g")
    error = member.outcome()[1]
    assert isinstance(error, ResponseError) and str(error).startswith("NOGROUP "), error


def who_has_waited_longest_is_served_first(client, protocol):
    waiters = [Waiter(client, protocol, lambda c: c.blpop("l", 0)) for _ in range(5)]
    client.rpush("l", 0, 1)
    client.rpush("l", 2)
    with client.pipeline(transaction=False) as pipe:
        pipe.rpush("l", 3).rpush("l", 4, "rest").llen("l").execute()
    equal([listed(waiter.reply()) for waiter in waiters], [[b"l", b"%d" % number] for number in range(5)])
    equal(client.lrange("l", 0, -1), [b"rest"])


def waiting_lasts_through_other_types_and_ends_with_a_rename(client, protocol):
    waiter = Waiter(client, protocol, lambda c: c.blpop("l", 0))
    client.set("l", "a string")
    client.delete("l")
    client.sadd("l", "a set")
    client.rpush("elsewhere", "v")
    time.sleep(0.05)
    assert waiter.still_waits()
    client.rename("elsewhere", "l")
    equal((listed(waiter.reply()), client.exists("l")), ([b"l", b"v"], 0))
    # What one waiter moves on is what another has waited for.
    last = Waiter(client, protocol, lambda c: c.blpop("c", 0))
    first = Waiter(client, protocol, lambda c: c.blmove("a", "b", 0, "LEFT", "LEFT"))
    second = Waiter(client, protocol, lambda c: c.brpoplpush("b", "c", 0))
    client.rpush("a", "hot potato")
    equal((first.reply(), second.reply(), listed(last.reply())), (b"hot potato", b"hot potato", [b"c", b"hot potato"]))
    equal(client.exists("a", "b", "c"), 0)


def waiting_clients_are_unblocked_and_killed(client, protocol):
    waiter = Waiter(client, protocol, lambda c: c.blpop("l", 0))
    equal((client.client_unblock(waiter.id), waiter.reply()), (True, None))
    waiter = Waiter(client, protocol, lambda c: c.bzpopmin("z", 0))
    equal(client.client_unblock(waiter.id, error=True), True)
    expect_error(waiter.outcome()[1], ResponseError, "UNBLOCKED client unblocked via CLIENT UNBLOCK")
    equal(client.client_unblock(client.client_id()), False)
    waiter = Waiter(client, protocol, lambda c: c.blmove("l", "m", 0))
    (mine,) = [entry for entry in client.client_list() if entry["id"] == str(waiter.id)]
    equal((mine["cmd"], mine["flags"]), ("blmove", "b"))
    equal(client.client_kill_filter(_id=waiter.id), 1)
    assert isinstance(waiter.outcome()[1], ConnectionError)
    wait_until(lambda: blocked_clients(client) == 0, "nobody blocked any more")
    # Nobody is left to take it.
    equal((client.rpush("l", "v"), client.llen("l"), client.exists("m")), (1, 1, 0))


def many_wait_and_each_element_goes_to_one(client, protocol):
    shares = [[] for _ in range(WAITERS)]
    elements = WAITERS * 20

    def consume(number):
        def take(c):
            while (reply := c.blpop(["l", "urgent"], 0))[1] != b"stop":
                shares[number].append(int(reply[1]))

        return take

    waiters = [Waiter(client, protocol, consume(number)) for number in range(WAITERS)]
    pushers = [threading.Thread(target=push_range, args=(protocol, part, elements)) for part in range(4)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    client.rpush("l", *["stop"] * WAITERS)
    equal([waiter.reply() for waiter in waiters], [None] * WAITERS)
    equal(sorted(number for share in shares for number in share), list(range(elements)))
    equal(client.exists("l", "urgent"), 0)


def push_range(protocol: int, part: int, elements: int) -> None:
    with connect(protocol) as pusher:
        for number in range(part, elements, 4):
            pusher.rpush("urgent" if number % 3 == 0 else "l", number)


def a_waiting_client_holds_up_nobody_and_its_own_commands_come_in_order(client, protocol):
    def ask(c):
        return c.pipeline(transaction=False).set("k", 1).blpop("l", 0).incr("k").execute()

    waiter = Waiter(client, protocol, ask)
    equal(client.get("k"), b"1")
    for number in range(200):
        equal(client.incr("others"), number + 1)
    equal(client.get("k"), b"1")
    client.rpush("l", "v")
    first, popped, last = waiter.reply()
    equal((first, listed(popped), last), (True, [b"l", b"v"], 2))


CHECKS = [
    what_is_there_is_answered_at_once,
    nobody_waits_longer_than_the_timeout,
    a_push_serves_whoever_waits,
    streams_serve_their_readers,
    who_has_waited_longest_is_served_first,
    waiting_lasts_through_other_types_and_ends_with_a_rename,
    waiting_clients_are_unblocked_and_killed,
    many_wait_and_each_element_goes_to_one,
    a_waiting_client_holds_up_nobody_and_its_own_commands_come_in_order,
]

if __name__ == "__main__":
    checklist = Checklist()
    for spoken in (2, 3):
        with connect(spoken) as shared:
            for each in CHECKS:
                shared.flushall()
                checklist.run(each, shared, spoken, label=f"RESP{spoken}")
    checklist.finish()
