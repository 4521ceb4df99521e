"""Sessions whose fields expire each in its own time: HEXPIRE, HTTL, HGETEX and HSETEX of Redis 8 and Valkey 9.

A session is one hash. Who it belongs to stays as long as the session does; the one-time code is gone after a moment,
the token against forged forms a while after it was last used.
"""

import argparse
import secrets
import time

import redis

PREFIX = "example:session:"
NEEDED = {"hexpire", "hpexpire", "hpersist", "httl", "hpttl", "hgetex", "hsetex"}
SESSION_S = 3_600
TOKEN_S = 900
SESSIONS = 1_000
LIMIT_S = 30

# What HTTL answers instead of a time, and HEXPIRE instead of success.
NO_EXPIRY, NO_FIELD, NOT_MET, DELETED = -1, -2, 0, 2


def log_in(client, user, code_ms):
    session = PREFIX + secrets.token_hex(8)
    with client.pipeline(transaction=False) as pipe:
        pipe.hset(session, mapping={"user": user, "code": "424242", "token": "t0"})
        pipe.hpexpire(session, code_ms, "code")
        pipe.hexpire(session, TOKEN_S, "token")
        pipe.expire(session, SESSION_S)
        assert pipe.execute() == [3, [1], [1], True]
    return session


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s"
        time.sleep(0.01)


def one_session(client):
    session = log_in(client, "ann", code_ms=100)
    user, token, nothing = client.httl(session, "user", "token", "nothing")
    assert (user, nothing) == (NO_EXPIRY, NO_FIELD) and TOKEN_S - LIMIT_S < token <= TOKEN_S

    wait_until(lambda: client.hget(session, "code") is None, "a code of 100 ms")
    assert client.hgetall(session) == {"user": "ann", "token": "t0"}
    assert client.httl(session, "code") == [NO_FIELD] and not client.hexists(session, "code")
    assert SESSION_S - LIMIT_S < client.ttl(session) <= SESSION_S, "the session's own expiry is another matter"

    # Using the token gives it more time, in the same step.
    assert client.hgetex(session, "token", ex=2 * TOKEN_S) == ["t0"]
    assert TOKEN_S < client.httl(session, "token")[0] <= 2 * TOKEN_S
    assert client.hexpire(session, TOKEN_S, "token", gt=True) == [NOT_MET], "never shorter with GT"
    assert client.hexpire(session, TOKEN_S, "token", "nothing", lt=True) == [1, NO_FIELD]

    # Writing a field makes it stay, unless its expiry is kept or set along with it.
    client.hset(session, "token", "t1")
    assert client.httl(session, "token") == [NO_EXPIRY]
    assert client.hsetex(session, mapping={"token": "t2", "theme": "dark"}, ex=TOKEN_S) == 1
    assert client.hsetex(session, mapping={"token": "t3"}, keepttl=True) == 1
    assert TOKEN_S - LIMIT_S < client.httl(session, "token")[0] <= TOKEN_S
    assert client.hpersist(session, "theme", "user", "nothing") == [1, NO_EXPIRY, NO_FIELD]
    assert client.hmget(session, "token", "theme") == ["t3", "dark"]
    assert client.hpexpire(session, 0, "theme") == [DELETED] and not client.hexists(session, "theme")


def the_last_field_takes_the_session_along(client):
    session = PREFIX + "guest"
    assert client.hsetex(session, mapping={"cart": "empty"}, px=50) == 1
    wait_until(lambda: not client.exists(session), "a session whose only field has expired")
    assert client.type(session) == "none"


def many_sessions(client):
    """The codes of every other session expire; nothing else does."""
    sessions = [log_in(client, f"user {number}", 50 if number % 2 else 600_000) for number in range(SESSIONS)]
    wait_until(lambda: client.hget(sessions[-1], "code") is None, "a code of 50 ms")
    with client.pipeline(transaction=False) as pipe:
        for session in sessions:
            pipe.hmget(session, "user", "code", "token")
        found = pipe.execute()
    assert found == [[f"user {number}", None if number % 2 else "424242", "t0"] for number in range(SESSIONS)]


def clean(client):
    for key in client.scan_iter(PREFIX + "*", count=500):
        client.unlink(key)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6379)
    options = parser.parse_args()
    client = redis.Redis(options.host, options.port, decode_responses=True)
    missing = NEEDED - client.command().keys()
    if missing:
        print(f"sessions: skipped, as this server has no {', '.join(sorted(missing)).upper()}")
        return
    clean(client)
    begin = time.monotonic()
    try:
        one_session(client)
        the_last_field_takes_the_session_along(client)
        many_sessions(client)
    finally:
        clean(client)
    print(
        f"sessions: {SESSIONS} sessions, of which half lost their code in time and nothing else; a token lives on while "
        f"it is used ({time.monotonic() - begin:.1f} s)"
    )


if __name__ == "__main__":
    main()
