"""redis-py and the collection types, with RESP2 and with RESP3: where replies differ in shape, both shapes are checked."""

import math

from redis.exceptions import DataError, ResponseError

from checklist import Checklist, equal, fails
from redis_py import connect

MANY = 2_000
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def hashes_keep_their_fields(client, protocol):
    equal(client.hset("h", "f", "v"), 1)
    equal(client.hset("h", mapping={"f": "w", "g": 2, b"\x00\r\n": b"\xff"}), 2)
    equal(client.hgetall("h"), {b"f": b"w", b"g": b"2", b"\x00\r\n": b"\xff"})
    equal(client.hget("h", "nothing"), None)
    equal(client.hmget("h", "f", "nothing", "g"), [b"w", None, b"2"])
    equal(client.hsetnx("h", "f", "x"), False)
    equal((client.hincrby("h", "g", 40), client.hincrbyfloat("h", "g", 0.5)), (42, 42.5))
    equal((client.hexists("h", "f"), client.hstrlen("h", "f"), client.hlen("h")), (True, 1, 3))
    equal(sorted(client.hkeys("h")), [b"\x00\r\n", b"f", b"g"])
    equal(sorted(client.hvals("h")), [b"42.5", b"w", b"\xff"])
    equal(client.hdel("h", "g", b"\x00\r\n", "nothing"), 2)
    equal(client.hrandfield("h"), b"f")
    equal(client.hrandfield("h", -2), [b"f", b"f"])
    equal(client.hrandfield("h", 5, withvalues=True), {2: [b"f", b"w"], 3: [[b"f", b"w"]]}[protocol])
    equal(client.hgetall("nothing"), {})
    fails(ResponseError, "hash value is not an integer", client.hincrby, "h", "f", 1)


def lists_push_pop_and_move_at_both_ends(client, _):
    equal(client.rpush("l", "a", "b", "c"), 3)
    equal(client.lpush("l", "z", b"\x00\r\n"), 5)
    equal(client.lrange("l", 0, -1), [b"\x00\r\n", b"z", b"a", b"b", b"c"])
    equal((client.lpop("l"), client.rpop("l", 2)), (b"\x00\r\n", [b"c", b"b"]))
    equal((client.rpop("nothing"), client.lpop("nothing", 2)), (None, None))
    equal((client.lpushx("nothing", 1), client.rpushx("l", "b", "a")), (0, 4))
    equal((client.lindex("l", -1), client.lindex("l", 4), client.llen("l")), (b"a", None, 4))
    equal((client.lpos("l", "a"), client.lpos("l", "a", rank=-1), client.lpos("l", "a", count=0)), (1, 3, [1, 3]))
    equal((client.lpos("l", "nothing"), client.lpos("l", "nothing", count=0)), (None, []))
    equal((client.linsert("l", "BEFORE", "b", "x"), client.linsert("l", "AFTER", "nothing", "x")), (5, -1))
    equal(client.lset("l", 0, "first"), True)
    equal(client.lrem("l", -1, "a"), 1)
    equal(client.lrange("l", 0, -1), [b"first", b"a", b"x", b"b"])
    equal((client.lmove("l", "m", "RIGHT", "LEFT"), client.rpoplpush("l", "l")), (b"b", b"x"))
    equal(client.ltrim("l", 0, 1), True)
    equal(client.lmpop(2, "nothing", "l", direction="RIGHT", count=5), [b"l", [b"first", b"x"]])
    equal((client.lmpop(1, "nothing", direction="LEFT"), client.exists("l")), (None, 0))
    equal(client.lrange("m", 0, -1), [b"b"])
    fails(ResponseError, "index out of range", client.lset, "m", 1, "x")
    fails(ResponseError, "no such key", client.lset, "nothing", 0, "x")


def sets_keep_each_member_once_and_combine(client, _):
    equal((client.sadd("s", "a", "b", "a", b"\x00\xff"), client.sadd("s", "a")), (3, 0))
    equal(client.smembers("s"), {b"a", b"b", b"\x00\xff"})
    equal((client.sismember("s", "a"), client.sismember("s", "x"), client.smismember("s", ["b", "x"])), (1, 0, [1, 0]))
    equal((client.scard("s"), client.srem("s", b"\x00\xff", "x")), (3, 1))
    client.sadd("t", "b", "c")
    equal(set(client.sinter("s", "t")), {b"b"})
    equal(set(client.sunion("s", "t")), {b"a", b"b", b"c"})
    equal(set(client.sdiff("s", "t", "nothing")), {b"a"})
    equal((client.sintercard(2, ["s", "t"]), client.sintercard(2, ["s", "s"], limit=1)), (1, 1))
    equal((client.sinterstore("i", "s", "t"), client.sunionstore("u", "s", "t")), (1, 3))
    equal(client.sdiffstore("i", "s", "s"), 0)
    equal((client.exists("i"), client.smove("t", "s", "c"), client.smove("t", "s", "x")), (0, True, False))
    equal((set(client.srandmember("u", 9)), len(client.srandmember("u", -9))), ({b"a", b"b", b"c"}, 9))
    equal((client.srandmember("u") in {b"a", b"b", b"c"}, client.srandmember("nothing")), (True, None))
    equal((client.spop("t"), client.exists("t"), client.spop("t")), (b"b", 0, None))
    equal((set(client.spop("u", 5)), client.exists("u")), ({b"a", b"b", b"c"}, 0))
    equal(client.smembers("nothing"), set())


def sorted_sets_order_by_score_and_name(client, protocol):
    # Pairs are tuples with RESP2 and lists with RESP3, as this client makes them.
    pair = {2: tuple, 3: list}[protocol]
    equal(client.zadd("z", {"b": 2.5, "a": 2.5, "inf": math.inf, "low": -1}), 4)
    equal(client.zadd("z", {"a": 1, "b": 3, "c": 4}, xx=True, ch=True), 2)
    equal((client.zadd("z", {"b": 2}, gt=True, ch=True), client.zadd("z", {"b": 9}, nx=True)), (0, 0))
    equal((client.zadd("z", {"b": 1.5}, incr=True), client.zadd("z", {"b": 1}, nx=True, incr=True)), (4.5, None))
    equal(client.zrange("z", 0, -1), [b"low", b"a", b"b", b"inf"])
    scores = [pair((b"low", -1.0)), pair((b"a", 1.0)), pair((b"b", 4.5)), pair((b"inf", math.inf))]
    equal(client.zrange("z", 0, -1, withscores=True), scores)
    equal(client.zrange("z", 0, 1, desc=True, withscores=True), scores[:1:-1])
    equal(client.zrange("z", "(1", "+inf", byscore=True, offset=0, num=1), [b"b"])
    equal(client.zrangebyscore("z", 0, 5, withscores=True), scores[1:3])
    equal((client.zrank("z", "b"), client.zrevrank("z", "b"), client.zrank("z", "nothing")), (2, 1, None))
    equal((client.zscore("z", "inf"), client.zscore("z", "no")), (math.inf, None))
    equal(client.zmscore("z", ["a", "no"]), [1.0, None])
    equal((client.zincrby("z", -0.5, "a"), client.zcount("z", "-inf", "(4.5"), client.zcard("z")), (0.5, 2, 4))
    equal(client.zpopmax("z"), {2: [(b"inf", math.inf)], 3: [b"inf", math.inf]}[protocol])
    equal(client.zpopmin("z", 2), [pair((b"low", -1.0)), pair((b"a", 0.5))])
    equal(client.zmpop(2, ["nothing", "z"], max=True), [b"z", {2: [[b"b", b"4.5"]], 3: [[b"b", 4.5]]}[protocol]])
    equal((client.exists("z"), client.zmpop(1, ["z"], min=True), client.zpopmin("z")), (0, None, []))
    client.zadd("n", {"m": math.inf})
    fails(ResponseError, "resulting score is not a number (NaN)", client.zincrby, "n", -math.inf, "m")


def sorted_sets_combine_and_have_lexicographic_ranges(client, protocol):
    pair = {2: tuple, 3: list}[protocol]
    client.zadd("lex", dict.fromkeys("abcde", 0))
    equal(client.zrangebylex("lex", "[b", "(d"), [b"b", b"c"])
    equal(client.zrevrangebylex("lex", "+", "(c"), [b"e", b"d"])
    equal((client.zlexcount("lex", "-", "[c"), client.zremrangebylex("lex", "-", "(c")), (3, 2))
    client.zadd("x", {"a": 1, "b": 2})
    client.zadd("y", {"b": 10, "c": 20})
    equal(client.zunion(["x", "y"], withscores=True), [pair((b"a", 1.0)), pair((b"b", 12.0)), pair((b"c", 20.0))])
    equal(client.zinter({"x": 2, "y": 1}, aggregate="MAX", withscores=True), [pair((b"b", 10.0))])
    equal((client.zdiff(["x", "y"]), client.zintercard(2, ["x", "y"])), ([b"a"], 1))
    equal((client.zunionstore("u", ["x", "y"]), client.zinterstore("i", ["x", "y"])), (3, 1))
    equal(client.zdiffstore("d", ["x", "x"]), 0)
    equal((client.zrangestore("r", "u", 1, 2), client.zrange("r", 0, -1)), (2, [b"b", b"c"]))
    equal((client.zremrangebyrank("u", 0, 0), client.zremrangebyscore("u", 12, 12)), (1, 1))
    equal(client.zrange("u", 0, -1), [b"c"])
    equal((client.zrandmember("u"), client.zrandmember("u", -2)), (b"c", [b"c", b"c"]))
    equal(client.zrandmember("u", 3, withscores=True), {2: [b"c", b"20"], 3: [[b"c", 20.0]]}[protocol])
    fails(ResponseError, "min or max is not a float", client.zcount, "x", "one", 2)
    fails(ResponseError, "min or max not valid string range item", client.zrangebylex, "lex", "b", "d")


def streams_keep_their_entries_in_order(client, protocol):
    equal(client.xadd("x", {"f": "v"}, id="1-1"), b"1-1")
    equal(client.xadd("x", {"f": "w", "g": b"\x00\xff"}, id="1-*"), b"1-2")
    equal(client.xadd("nothing", {"f": "v"}, nomkstream=True), None)
    entries = [(b"1-1", {b"f": b"v"}), (b"1-2", {b"f": b"w", b"g": b"\x00\xff"})]
    equal((client.xrange("x"), client.xrange("x", "(1-1", "+")), (entries, entries[1:]))
    equal(client.xrevrange("x", count=1), entries[1:])
    equal(client.xread({"x": "1-1", "nothing": "0"}), {2: [[b"x", entries[1:]]], 3: {b"x": [entries[1:]]}}[protocol])
    equal(client.xread({"x": "1-2"}), {2: [], 3: {}}[protocol])
    for number in range(100):
        client.xadd("x", {"n": number}, id=f"2-{number}", maxlen=50, approximate=False)
    equal((client.xlen("x"), client.xtrim("x", minid="2-90", approximate=False)), (50, 40))
    equal(client.xdel("x", "2-90", "9-9"), 1)
    info = client.xinfo_stream("x")
    found = (info["length"], info["last-generated-id"], info["entries-added"], info["max-deleted-entry-id"])
    equal(found, (9, b"2-99", 102, b"2-90"))
    equal((info["first-entry"], info["last-entry"]), ((b"2-91", {b"n": b"91"}), (b"2-99", {b"n": b"99"})))
    smaller = "The ID specified in XADD is equal or smaller than the target stream top item"
    fails(ResponseError, smaller, client.xadd, "x", {"f": "v"}, id="2-99")
    equal((client.xtrim("x", maxlen=0, approximate=False), client.xlen("x"), client.exists("x")), (9, 0, 1))


def consumer_groups_remember_who_has_what(client, protocol):
    equal(client.xgroup_create("x", "g", "$", mkstream=True), True)
    fails(ResponseError, "BUSYGROUP Consumer Group name already exists", client.xgroup_create, "x", "g")
    for number in (1, 2, 3):
        client.xadd("x", {"n": number}, id=f"{number}-0")
    first = [(b"1-0", {b"n": b"1"}), (b"2-0", {b"n": b"2"})]
    reply = client.xreadgroup("g", "ann", {"x": ">"}, count=2)
    equal(reply, {2: [[b"x", first]], 3: {b"x": [first]}}[protocol])
    summary = {"pending": 2, "min": b"1-0", "max": b"2-0", "consumers": [{"name": b"ann", "pending": 2}]}
    equal(client.xpending("x", "g"), summary)
    pending = client.xpending_range("x", "g", "-", "+", 10, "ann")
    equal([(entry["message_id"], entry["times_delivered"]) for entry in pending], [(b"1-0", 1), (b"2-0", 1)])
    equal(client.xclaim("x", "g", "bob", 0, ["1-0"]), first[:1])
    equal(client.xautoclaim("x", "g", "eve", 0, count=1), [b"2-0", first[:1], []])
    equal(client.xautoclaim("x", "g", "eve", 0, start_id="2-0", justid=True), [b"2-0"])
    equal((client.xack("x", "g", "1-0", "9-0"), client.xack("x", "g", "1-0")), (1, 0))
    (group,) = client.xinfo_groups("x")
    equal((group["name"], group["consumers"], group["pending"], group["lag"]), (b"g", 3, 1, 1))
    consumers = [(one["name"], one["pending"]) for one in client.xinfo_consumers("x", "g")]
    equal(consumers, [(b"ann", 0), (b"bob", 0), (b"eve", 1)])
    equal(client.xinfo_stream("x", full=True)["groups"][0]["pel-count"], 1)
    equal((client.xgroup_delconsumer("x", "g", "eve"), client.xgroup_createconsumer("x", "g", "eve")), (1, 1))
    equal(client.xgroup_setid("x", "g", "0"), True)
    equal((client.xgroup_destroy("x", "g"), client.xgroup_destroy("x", "g")), (True, False))
    missing = "NOGROUP No such key 'x' or consumer group 'g' in XREADGROUP with GROUP option"
    fails(ResponseError, missing, client.xreadgroup, "g", "ann", {"x": ">"})


def geo_positions_are_found_by_distance(client, protocol):
    equal(client.geoadd("geo", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    equal((client.geodist("geo", "Palermo", "Catania", "km"), client.geodist("geo", "Palermo", "nowhere")), (166.2742, None))
    place = {2: tuple, 3: list}[protocol]((13.361389338970184, 38.1155563954963))
    equal(client.geopos("geo", "Palermo", "nowhere"), [place, None])
    equal(client.geohash("geo", "Palermo", "nowhere"), [{2: "sqc8b49rny0", 3: b"sqc8b49rny0"}[protocol], None])
    circle = {"longitude": 15, "latitude": 37, "radius": 200, "unit": "km"}
    found = client.geosearch("geo", **circle, sort="DESC", withdist=True, withcoord=True, withhash=True)
    equal(found[0][:3], [b"Palermo", 190.4424, 3479099956230698])
    equal((found[1][0], tuple(found[1][3])), (b"Catania", (15.087267458438873, 37.50266842333162)))
    box = {"member": "Palermo", "width": 400, "height": 400, "unit": "km"}
    equal(client.geosearch("geo", **box, sort="ASC"), [b"Palermo", b"Catania"])
    equal(client.geosearch("geo", **box, sort="ASC", count=1), [b"Palermo"])
    equal(client.georadiusbymember("geo", "Catania", 100, unit="km"), [b"Catania"])
    equal(client.geosearchstore("near", "geo", **box, storedist=True), 2)
    assert abs(client.zscore("near", "Catania") - 166.2742) < 0.0001
    fails(ResponseError, "invalid longitude,latitude pair 200.000000,10.000000", client.geoadd, "geo", (200, 10, "x"))
    fails(ResponseError, "could not decode requested zset member", client.geosearch, "geo", member="nowhere", radius=1, unit="m")


def hyperloglogs_count_and_merge(client, _):
    equal((client.pfadd("p", *range(1_000)), client.pfadd("p", 1)), (1, 0))
    client.pfadd("q", *range(500, 1_500))
    for keys, exact in ((["p"], 1_000), (["p", "q"], 1_500)):
        assert abs(client.pfcount(*keys) - exact) < exact * 0.03, client.pfcount(*keys)
    equal((client.pfmerge("r", "p", "q"), client.pfcount("r")), (True, client.pfcount("p", "q")))
    client.set("copy", client.get("r"))
    equal((client.pfcount("copy"), client.get("r")[:4], client.type("r")), (client.pfcount("r"), b"HYLL", b"string"))
    client.set("word", "abc")
    fails(ResponseError, "WRONGTYPE Key is not a valid HyperLogLog string value.", client.pfcount, "word")


def sort_dump_restore_and_object_know_every_type(client, _):
    client.rpush("l", 3, 1, 2)
    client.mset({"w_1": 30, "w_2": 20, "w_3": 10, "o_1": "one", "o_2": "two"})
    equal(client.sort("l"), [b"1", b"2", b"3"])
    equal(client.sort("l", desc=True, start=0, num=2), [b"3", b"2"])
    equal(client.sort("l", by="w_*", get=["#", "o_*"]), [b"3", None, b"2", b"two", b"1", b"one"])
    equal((client.sort("l", alpha=True, store="sorted"), client.lrange("sorted", 0, -1)), (3, [b"1", b"2", b"3"]))
    client.hset("h", mapping={"f": "v"})
    client.sadd("s", 1, 2)
    client.zadd("z", {"m": 1.5})
    client.xadd("x", {"f": "v"}, id="1-1")
    kinds = {"l": b"list", "h": b"hash", "s": b"set", "z": b"zset", "x": b"stream", "w_1": b"string"}
    equal({key: client.type(key) for key in kinds}, kinds)
    equal([client.object("encoding", key) for key in "hszx"], [b"listpack", b"intset", b"listpack", b"stream"])
    for key in kinds:
        image = client.dump(key)
        equal(client.restore(f"{key}:copy", 0, image), b"OK")
        equal(client.dump(f"{key}:copy"), image)
        assert client.memory_usage(key) > 0
    equal((client.hgetall("h:copy"), client.zscore("z:copy", "m"), client.xlen("x:copy")), ({b"f": b"v"}, 1.5, 1))
    fails(ResponseError, "BUSYKEY Target key name already exists.", client.restore, "l", 0, client.dump("l"))
    equal(set(client.scan_iter(_type="hash")), {b"h", b"h:copy"})


def collections_expire_rename_copy_and_are_overwritten_as_a_whole(client, _):
    client.hset("h", mapping={f"f{number}": number for number in range(MANY)})
    equal((client.expire("h", 100), client.rename("h", "i"), client.ttl("i"), client.hlen("i")), (True, True, 100, MANY))
    equal((client.copy("i", "j"), client.hget("j", "f7"), client.delete("i"), client.hlen("j")), (True, b"7", 1, MANY))
    equal((client.hlen("i"), client.hset("i", "f", "v"), client.hgetall("i")), (0, 1, {b"f": b"v"}))
    equal((client.set("j", "plain"), client.get("j"), client.ttl("j")), (True, b"plain", -1))
    client.rpush("l", *range(MANY))
    equal((client.expire("l", -1), client.exists("l"), client.rpush("l", "new")), (True, 0, 1))
    equal(client.lrange("l", 0, -1), [b"new"])
    equal((client.hdel("i", "f"), client.exists("i"), client.type("i")), (1, 0, b"none"))


def wrong_types_are_refused(client, _):
    client.set("string", "v")
    client.rpush("list", "v")
    for call in (
        lambda: client.get("list"),
        lambda: client.hget("string", "f"),
        lambda: client.lpush("string", "v"),
        lambda: client.sadd("list", "m"),
        lambda: client.zadd("list", {"m": 1}),
        lambda: client.xadd("list", {"f": "v"}),
        lambda: client.smembers("string"),
        lambda: client.zrange("list", 0, -1),
        lambda: client.xread({"list": "0"}),
        lambda: client.geopos("list", "m"),
        lambda: client.pfadd("list", 1),
        lambda: client.blpop(["string"], 1),
    ):
        fails(ResponseError, WRONG_TYPE, call)
    fails(ResponseError, "wrong number of arguments for 'hset' command", client.execute_command, "HSET", "h", "f")
    fails(DataError, "ZADD requires at least one element/score pair", client.zadd, "z", {})


def iterators_find_every_element(client, _):
    numbers = range(MANY)
    client.hset("h", mapping={f"f{number}": number for number in numbers})
    client.sadd("s", *(f"m{number}" for number in numbers))
    client.sadd("ints", *range(100))
    client.zadd("z", {f"m{number}": number / 2 for number in numbers})
    equal(dict(client.hscan_iter("h", count=50)), {b"f%d" % number: b"%d" % number for number in numbers})
    equal(set(client.sscan_iter("s")), {b"m%d" % number for number in numbers})
    equal({int(member) for member in client.sscan_iter("ints")}, set(range(100)))
    equal(dict(client.zscan_iter("z", count=77)), {b"m%d" % number: number / 2 for number in numbers})
    equal({field for field, _ in client.hscan_iter("h", match="f199?")}, {b"f199%d" % digit for digit in range(10)})
    equal(list(client.sscan_iter("nothing")), [])


def iterators_miss_nothing_that_stays(client, _):
    """Half of the members go, and new ones come, while the iteration is under way."""
    client.sadd("s", *range(MANY), *(f"m{number}" for number in range(MANY)))
    seen = set()
    for step, member in enumerate(client.sscan_iter("s", count=20)):
        seen.add(member)
        if step % 10 == 0:
            client.srem("s", *range(step, step + 10))
            client.sadd("s", f"new{step}")
    assert {b"m%d" % number for number in range(MANY)} <= seen, "a member that was there all the time is missing"


def long_collections_answer_at_any_depth(client, _):
    with client.pipeline(transaction=False) as pipe:
        for begin in range(0, 20_000, 500):
            pipe.rpush("l", *range(begin, begin + 500))
            pipe.zadd("z", {f"m{number:05}": number for number in range(begin, begin + 500)})
        pipe.execute()
    equal((client.llen("l"), client.lindex("l", 12_345), client.lindex("l", -1)), (20_000, b"12345", b"19999"))
    equal(client.lrange("l", 19_000, -1), [b"%d" % number for number in range(19_000, 20_000)])
    equal(len(client.lrange("l", 0, -1)), 20_000)
    equal((client.zrank("z", "m12345"), client.zrevrank("z", "m12345")), (12_345, 7_654))
    equal(client.zcount("z", 100, 15_000), 14_901)
    equal(client.zrange("z", 9_999, 10_001), [b"m09999", b"m10000", b"m10001"])
    equal((client.ltrim("l", 100, -101), client.llen("l"), client.lindex("l", 0)), (True, 19_800, b"100"))
    value = bytes(range(256)) * 4_096
    client.hset("large", "f", value)
    client.rpush("larges", value, value)
    equal((client.hget("large", "f") == value, client.lrange("larges", 1, 1) == [value]), (True, True))


CHECKS = [
    hashes_keep_their_fields,
    lists_push_pop_and_move_at_both_ends,
    sets_keep_each_member_once_and_combine,
    sorted_sets_order_by_score_and_name,
    sorted_sets_combine_and_have_lexicographic_ranges,
    streams_keep_their_entries_in_order,
    consumer_groups_remember_who_has_what,
    geo_positions_are_found_by_distance,
    hyperloglogs_count_and_merge,
    sort_dump_restore_and_object_know_every_type,
    collections_expire_rename_copy_and_are_overwritten_as_a_whole,
    wrong_types_are_refused,
    iterators_find_every_element,
    iterators_miss_nothing_that_stays,
    long_collections_answer_at_any_depth,
]

if __name__ == "__main__":
    checklist = Checklist()
    for spoken in (2, 3):
        with connect(spoken) as shared:
            for each in CHECKS:
                shared.flushall()
                checklist.run(each, shared, spoken, label=f"RESP{spoken}")
    checklist.finish()
