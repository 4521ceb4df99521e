"""Two rate limiters that are right for any number of concurrent callers, with neither transactions nor scripts.

Each decision is made by one atomic command. Fixed window: INCR gives every caller of a window a number of its own.
Sliding window: there are as many places as calls are allowed, members of a sorted set with the time at which they were
taken as their score, and ZADD NX lets only one caller take a place.
"""

import argparse
import random
import threading
import time

import redis

PREFIX = "example:limiter:"
LIMIT = 10
WINDOW_MS = 60_000
CALLERS = 16
CALLS_EACH = 10


def fixed_window_allows(client, user, now_ms):
    """At most LIMIT calls between two full minutes. Cheap, but around the full minute there may be twice as many."""
    key = f"{PREFIX}fixed:{user}:{now_ms // WINDOW_MS}"
    with client.pipeline(transaction=False) as pipe:
        # A window that is over has another key, so the expiry only tidies up.
        pipe.incr(key).pexpire(key, 2 * WINDOW_MS, nx=True)
        calls, _ = pipe.execute()
    return calls <= LIMIT


def sliding_window_allows(client, user, now_ms):
    """At most LIMIT calls in any WINDOW_MS. Refuses only where LIMIT calls were allowed within that time."""
    key = f"{PREFIX}sliding:{user}"
    while True:
        with client.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(key, "-inf", now_ms - WINDOW_MS).pexpire(key, 2 * WINDOW_MS).zrange(key, 0, -1)
            taken = set(map(int, pipe.execute()[-1]))
        free = [place for place in range(LIMIT) if place not in taken]
        if not free:
            return False
        with client.pipeline(transaction=False) as pipe:
            pipe.zadd(key, {random.choice(free): now_ms}, nx=True).pexpire(key, 2 * WINDOW_MS)
            if pipe.execute()[0]:
                return True
        # Somebody else was faster, so one place less is free: this ends after LIMIT rounds at most.


def hammer(client, allows, user, now_ms):
    """How many of the calls of many concurrent callers, all at the same moment, are let through."""
    allowed, mistakes = [], []
    together = threading.Barrier(CALLERS)

    def call():
        try:
            together.wait()
            for _ in range(CALLS_EACH):
                if allows(client, user, now_ms):
                    allowed.append(now_ms)
        except Exception as error:
            mistakes.append(error)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not mistakes, mistakes
    return len(allowed)


def run(client):
    # Time is an argument of the limiters, so what they decide does not depend on how fast this program runs.
    start = 1_700_000_000_000 // WINDOW_MS * WINDOW_MS
    before, after = start + WINDOW_MS - 1, start + WINDOW_MS

    assert hammer(client, fixed_window_allows, "ann", before) == LIMIT
    assert hammer(client, fixed_window_allows, "ann", before) == 0
    assert hammer(client, fixed_window_allows, "bob", before) == LIMIT, "users do not count for each other"
    assert hammer(client, fixed_window_allows, "ann", after) == LIMIT, "a millisecond later begins a new window"
    assert 0 < client.pttl(f"{PREFIX}fixed:ann:{start // WINDOW_MS}") <= 2 * WINDOW_MS

    assert hammer(client, sliding_window_allows, "ann", before) == LIMIT
    assert hammer(client, sliding_window_allows, "bob", before) == LIMIT
    assert hammer(client, sliding_window_allows, "ann", after) == 0, "the window slides, it does not begin anew"
    assert hammer(client, sliding_window_allows, "ann", before + WINDOW_MS - 1) == 0
    assert hammer(client, sliding_window_allows, "ann", before + WINDOW_MS) == LIMIT

    # Calls that were spread come back one by one.
    for step in range(LIMIT):
        assert sliding_window_allows(client, "eve", start + step * 100)
    for step in range(LIMIT):
        assert not sliding_window_allows(client, "eve", start + WINDOW_MS + step * 100 - 1)
        assert sliding_window_allows(client, "eve", start + WINDOW_MS + step * 100)
    assert client.zcard(f"{PREFIX}sliding:eve") == LIMIT
    calls = CALLERS * CALLS_EACH
    return (
        f"of {calls} calls by {CALLERS} threads exactly {LIMIT} pass; a millisecond later, in the next minute, "
        f"{LIMIT} more with the fixed window and none with the sliding one"
    )


def clean(client):
    for key in client.scan_iter(PREFIX + "*"):
        client.unlink(key)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    options = parser.parse_args()
    client = redis.Redis(options.host, options.port, decode_responses=True)
    clean(client)
    begin = time.monotonic()
    try:
        shown = run(client)
    finally:
        clean(client)
    print(f"rate limiter: {shown} ({time.monotonic() - begin:.1f} s)")


if __name__ == "__main__":
    main()
