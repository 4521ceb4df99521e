"""redis-py, the asyncio half, with RESP2 and with RESP3."""

import asyncio

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ResponseError

from checklist import LOCKED_PASSWORD, LOCKED_PORT, SERVER_PORT, SERVER_SOCKET, Checklist, equal, expect_error

SOCKET_LIMIT_S = 20.0
LARGE = bytes(range(256)) * (5 * 1024 * 1024 // 256)
TASKS = 50
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def connect(protocol: int, **options) -> redis.Redis:
    return redis.Redis(
        port=SERVER_PORT, protocol=protocol, socket_timeout=SOCKET_LIMIT_S, retry=Retry(NoBackoff(), 1), **options
    )


async def fails(kind, text: str, reply) -> None:
    try:
        result = await reply
    except Exception as error:
        expect_error(error, kind, text)
    else:
        raise AssertionError(f"found {result!r}, expected the error {text!r}")


async def strings_and_bitmaps_come_back_as_they_were_set(client, _):
    equal(await client.set("s", b"\x00\xff\r\n"), True)
    equal(await client.get("s"), b"\x00\xff\r\n")
    equal(await client.set("s", "two", get=True), b"\x00\xff\r\n")
    equal(await client.mset({"a": 1, "b": 2}), True)
    equal(await client.mget("a", "nothing", "b"), [b"1", None, b"2"])
    equal(await client.incrby("a", 41), 42)
    equal(await client.setbit("bits", 100, 1), 0)
    equal(await client.bitcount("bits"), 1)
    equal(await client.bitpos("bits", 1), 100)
    assert await client.set("large", LARGE) and await client.get("large") == LARGE


async def keys_expire(client, _):
    await client.set("e", "v", px=100_000)
    assert 0 < await client.pttl("e") <= 100_000
    equal(await client.expireat("e", 4_000_000_000), True)
    equal(await client.expiretime("e"), 4_000_000_000)
    equal(await client.persist("e"), True)
    equal(await client.expire("e", 0), True)
    equal(await client.exists("e"), 0)


async def scan_iter_finds_every_key(client, _):
    await client.mset({f"scan:{number}": number for number in range(500)})
    await client.set("other", 1)
    equal({key async for key in client.scan_iter("scan:*", count=50)}, {b"scan:%d" % number for number in range(500)})


async def a_pipeline_answers_in_order_and_keeps_its_errors_apart(client, _):
    async with client.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.set(f"p:{number}", number)
            pipe.get(f"p:{number}")
        equal(await pipe.execute(), [reply for number in range(500) for reply in (True, b"%d" % number)])
    async with client.pipeline(transaction=False) as pipe:
        pipe.set("word", "abc").incr("word").get("word")
        first, second, third = await pipe.execute(raise_on_error=False)
        equal((first, type(second), third), (True, ResponseError, b"abc"))


async def a_pipeline_of_5_mb_values_survives(client, _):
    async with client.pipeline(transaction=False) as pipe:
        for number in range(3):
            pipe.set(f"large:{number}", LARGE)
        equal(await pipe.execute(), [True] * 3)
    assert await client.mget([f"large:{number}" for number in range(3)]) == [LARGE] * 3


async def tasks_share_the_connection_pool(client, protocol):
    async with connect(protocol, max_connections=TASKS) as shared:

        async def work(number):
            equal(await shared.set(f"own:{number}", number), True)
            await shared.incr("shared")
            return await shared.get(f"own:{number}")

        equal(await asyncio.gather(*map(work, range(TASKS))), [b"%d" % number for number in range(TASKS)])
    equal(await client.get("shared"), b"%d" % TASKS)


async def names_info_and_config_parse(client, protocol):
    async with connect(protocol, client_name="checker", decode_responses=True) as named:
        equal(await named.client_getname(), "checker")
        equal(await named.client_setname("renamed"), True)
        assert "renamed" in [entry["name"] for entry in await named.client_list()]
        await named.set("word", "Grüße")
        equal(await named.get("word"), "Grüße")
    equal((await client.info("server"))["tcp_port"], SERVER_PORT)
    equal(await client.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})


async def errors_have_redis_classes_and_texts(client, protocol):
    await client.set("word", "abc")
    await fails(ResponseError, "value is not an integer or out of range", client.incr("word"))
    await fails(ResponseError, "no such key", client.rename("nothing", "k"))
    locked = {"port": LOCKED_PORT, "protocol": protocol, "socket_timeout": SOCKET_LIMIT_S}
    async with redis.Redis(password=LOCKED_PASSWORD, **locked) as allowed:
        equal(await allowed.set("k", "v"), True)
    async with redis.Redis(password="wrong", **locked) as refused:
        wrong = "invalid username-password pair or user is disabled."
        await fails(AuthenticationError, wrong, refused.get("k"))


async def a_unix_socket_serves_the_same_keys(client, protocol):
    await client.set("k", "over tcp")
    async with redis.Redis(unix_socket_path=SERVER_SOCKET, protocol=protocol) as local:
        equal(await local.get("k"), b"over tcp")


async def collections_come_back_as_they_were_set(client, protocol):
    equal(await client.hset("h", mapping={"f": "v", "g": 2}), 2)
    equal((await client.hgetall("h"), await client.hmget("h", "f", "no")), ({b"f": b"v", b"g": b"2"}, [b"v", None]))
    equal((await client.rpush("l", 1, 2, 3), await client.lmove("l", "m")), (3, b"1"))
    equal((await client.lpop("l", 5), await client.lrange("m", 0, -1)), ([b"2", b"3"], [b"1"]))
    equal((await client.sadd("s", 1, 2, 2), await client.smembers("s"), await client.exists("l")), (2, {b"1", b"2"}, 0))
    pairs = {2: [(b"a", 1.0), (b"b", 2.5)], 3: [[b"a", 1.0], [b"b", 2.5]]}[protocol]
    equal((await client.zadd("z", {"b": 2.5, "a": 1}), await client.zrange("z", 0, -1, withscores=True)), (2, pairs))
    equal((await client.zscore("z", "b"), await client.zrevrank("z", "a"), await client.zincrby("z", 2, "a")), (2.5, 1, 3.0))
    equal(await client.xadd("x", {"f": "v"}, id="1-1"), b"1-1")
    entries = [(b"1-1", {b"f": b"v"})]
    equal((await client.xrange("x"), await client.xgroup_create("x", "g", "0")), (entries, True))
    equal(await client.xreadgroup("g", "c", {"x": ">"}), {2: [[b"x", entries]], 3: {b"x": [entries]}}[protocol])
    equal((await client.xautoclaim("x", "g", "d", 0), await client.xack("x", "g", "1-1")), ([b"0-0", entries, []], 1))
    equal(await client.geoadd("geo", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    found = await client.geosearch("geo", longitude=15, latitude=37, radius=100, unit="km", withdist=True)
    equal(found, [[b"Catania", 56.4413]])
    equal((await client.pfadd("p", *range(100)), await client.pfcount("p")), (1, 100))
    await fails(ResponseError, WRONG_TYPE, client.lpush("h", 1))
    await fails(ResponseError, WRONG_TYPE, client.hget("z", "f"))


async def iterators_find_every_element(client, _):
    numbers = range(1_000)
    await client.hset("h", mapping={f"f{number}": number for number in numbers})
    await client.sadd("s", *numbers)
    await client.zadd("z", {f"m{number}": number for number in numbers})
    equal({field: value async for field, value in client.hscan_iter("h")}, {b"f%d" % n: b"%d" % n for n in numbers})
    equal({int(member) async for member in client.sscan_iter("s", count=50)}, set(numbers))
    equal({member: score async for member, score in client.zscan_iter("z")}, {b"m%d" % n: float(n) for n in numbers})


async def blocked(client, count: int) -> None:
    """Until so many clients wait."""
    while (await client.info("clients"))["blocked_clients"] != count:
        await asyncio.sleep(0.005)


async def tasks_wait_while_others_push(client, protocol):
    async with connect(protocol, max_connections=TASKS) as waiting, asyncio.timeout(SOCKET_LIMIT_S):

        async def work():
            taken = []
            while (reply := await waiting.blpop(["l", "k"], 0))[1] != b"stop":
                taken.append(int(reply[1]))
            return taken

        workers = [asyncio.create_task(work()) for _ in range(TASKS)]
        await blocked(client, TASKS)
        for begin in range(0, 500, TASKS):
            await asyncio.gather(*(client.rpush("l", number) for number in range(begin, begin + TASKS)))
        await client.rpush("l", *["stop"] * TASKS)
        shares = await asyncio.gather(*workers)
        equal(sorted(number for share in shares for number in share), list(range(500)))


async def each_blocking_command_is_served(client, protocol):
    async with connect(protocol) as waiting, asyncio.timeout(SOCKET_LIMIT_S):

        async def served(reply, push):
            task = asyncio.create_task(reply)
            await blocked(client, 1)
            await push
            return await task

        equal(await served(waiting.blmove("a", "b", 0), client.rpush("a", "v")), b"v")
        equal(list(await served(waiting.brpop("a", 0), client.rpush("a", 1, 2))), [b"a", b"2"])
        equal(list(await served(waiting.bzpopmax("z", 0), client.zadd("z", {"m": 1.5}))), [b"z", b"m", 1.5])
        entries = [(b"1-1", {b"f": b"v"})]
        read = await served(waiting.xread({"x": "$"}, block=0), client.xadd("x", {"f": "v"}, id="1-1"))
        equal(read, {2: [[b"x", entries]], 3: {b"x": [entries]}}[protocol])
        equal((await waiting.blpop("none", 0.05), await waiting.bzpopmin("none", 0.05)), (None, None))


CHECKS = [
    strings_and_bitmaps_come_back_as_they_were_set,
    keys_expire,
    scan_iter_finds_every_key,
    a_pipeline_answers_in_order_and_keeps_its_errors_apart,
    a_pipeline_of_5_mb_values_survives,
    tasks_share_the_connection_pool,
    names_info_and_config_parse,
    errors_have_redis_classes_and_texts,
    a_unix_socket_serves_the_same_keys,
    collections_come_back_as_they_were_set,
    iterators_find_every_element,
    tasks_wait_while_others_push,
    each_blocking_command_is_served,
]


async def main() -> None:
    checklist = Checklist()
    for protocol in (2, 3):
        async with connect(protocol) as client:
            for check in CHECKS:
                await client.flushall()
                await checklist.run_async(check, client, protocol, label=f"RESP{protocol}")
    checklist.finish()


if __name__ == "__main__":
    asyncio.run(main())
