// ioredis and the collection types, with RESP2 and with RESP3 as it comes: where replies differ in shape, both are checked.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { finish, run } = require('./checklist');
const { replyError, withClient } = require('./ioredis_checks');

const MANY = 1_000;
const WAITERS = 20;
const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

const numbers = (count) => Array.from({ length: count }, (_, number) => number);

// Pairs of a reply: one flat list with RESP2, lists of two with RESP3.
const flatOrNested = (protocol, pairs) => (protocol === 2 ? pairs.flat() : pairs);
// A score: text with RESP2, a number with RESP3.
const score = (protocol, number) => (protocol === 3 ? number : String(number).replace('Infinity', 'inf'));

async function hashesKeepTheirFields(client, protocol) {
  assert.equal(await client.hset('h', { f: 'v', g: 2 }), 2);
  assert.equal(await client.hset('h', 'f', 'w', 'x', Buffer.from([0, 255])), 1);
  assert.deepEqual(await client.hgetallBuffer('h'), { f: Buffer.from('w'), g: Buffer.from('2'), x: Buffer.from([0, 255]) });
  assert.deepEqual(await client.hmget('h', 'f', 'nothing', 'g'), ['w', null, '2']);
  assert.equal(await client.hdel('h', 'x', 'nothing'), 1);
  assert.deepEqual(await client.hgetall('h'), { f: 'w', g: '2' });
  assert.deepEqual(await client.hgetall('nothing'), {});
  assert.deepEqual([await client.hincrby('h', 'g', 40), await client.hincrbyfloat('h', 'g', 0.5)], [42, '42.5']);
  assert.deepEqual([await client.hexists('h', 'f'), await client.hlen('h'), await client.hsetnx('h', 'f', 1)], [1, 2, 0]);
  assert.deepEqual(await client.hrandfield('h', 2, 'WITHVALUES'), flatOrNested(protocol, [['f', 'w'], ['g', '42.5']]));
  await assert.rejects(client.hincrby('h', 'f', 1), replyError('ERR hash value is not an integer'));
}

async function listsPushPopAndMoveAtBothEnds(client) {
  assert.equal(await client.rpush('l', 'a', 'b', 'c'), 3);
  assert.equal(await client.lpush('l', Buffer.from([0, 13, 10])), 4);
  assert.deepEqual(await client.lpopBuffer('l'), Buffer.from([0, 13, 10]));
  assert.deepEqual([await client.rpop('l', 2), await client.lpop('nothing'), await client.lpop('nothing', 2)], [['c', 'b'], null, null]);
  await client.rpush('l', 'b', 'a', 'b');
  assert.deepEqual([await client.lpos('l', 'a', 'RANK', -1), await client.lpos('l', 'b', 'COUNT', 0)], [2, [1, 3]]);
  assert.deepEqual([await client.linsert('l', 'BEFORE', 'b', 'x'), await client.lrem('l', 0, 'b')], [5, 2]);
  assert.deepEqual(await client.lrange('l', 0, -1), ['a', 'x', 'a']);
  assert.equal(await client.lmove('l', 'm', 'LEFT', 'RIGHT'), 'a');
  assert.deepEqual(await client.lmpop(2, 'nothing', 'l', 'RIGHT', 'COUNT', 9), ['l', ['a', 'x']]);
  assert.deepEqual([await client.exists('l'), await client.lmpop(1, 'l', 'LEFT'), await client.lindex('m', 0)], [0, null, 'a']);
  await assert.rejects(client.lset('m', 5, 'x'), replyError('ERR index out of range'));
}

async function setsKeepEachMemberOnceAndCombine(client) {
  assert.deepEqual([await client.sadd('s', 'a', 'b', 'a'), await client.sadd('t', 'b', 'c')], [2, 2]);
  assert.deepEqual((await client.smembers('s')).sort(), ['a', 'b']);
  assert.deepEqual([await client.sismember('s', 'a'), await client.smismember('s', 'b', 'x')], [1, [1, 0]]);
  assert.deepEqual([await client.sinter('s', 't'), await client.sdiff('s', 't'), await client.sintercard(2, 's', 't')], [['b'], ['a'], 1]);
  assert.deepEqual((await client.sunion('s', 't')).sort(), ['a', 'b', 'c']);
  assert.deepEqual([await client.sunionstore('u', 's', 't'), await client.smove('s', 't', 'a'), await client.scard('t')], [3, 1, 3]);
  assert.deepEqual([(await client.srandmember('u', 5)).length, (await client.srandmember('u', -5)).length], [3, 5]);
  assert.deepEqual([(await client.spop('u', 5)).sort(), await client.exists('u'), await client.spop('u')], [['a', 'b', 'c'], 0, null]);
}

async function sortedSetsOrderByScoreAndName(client, protocol) {
  const as = (number) => score(protocol, number);
  assert.equal(await client.zadd('z', 2.5, 'b', 1, 'a', 'inf', 'c'), 3);
  assert.deepEqual([await client.zscore('z', 'b'), await client.zscore('z', 'c'), await client.zscore('z', 'no')], [as(2.5), as(Infinity), null]);
  assert.deepEqual(await client.zmscore('z', 'a', 'no'), [as(1), null]);
  const pairs = [['a', as(1)], ['b', as(2.5)], ['c', as(Infinity)]];
  assert.deepEqual(await client.zrange('z', 0, -1, 'WITHSCORES'), flatOrNested(protocol, pairs));
  assert.deepEqual(await client.zrange('z', '+inf', '(1', 'BYSCORE', 'REV', 'LIMIT', 0, 1), ['c']);
  assert.deepEqual(await client.zrevrangebyscore('z', 3, 0, 'WITHSCORES'), flatOrNested(protocol, [pairs[1], pairs[0]]));
  assert.deepEqual([await client.zrank('z', 'b'), await client.zrevrank('z', 'a'), await client.zrank('z', 'no')], [1, 2, null]);
  assert.deepEqual([await client.zincrby('z', 1.5, 'a'), await client.zadd('z', 'INCR', -1, 'a')], [as(2.5), as(1.5)]);
  assert.deepEqual([await client.zadd('z', 'GT', 'CH', 1, 'a', 3, 'b'), await client.zcount('z', '-inf', 3)], [1, 2]);
  assert.deepEqual(await client.zpopmin('z'), ['a', as(1.5)]);
  assert.deepEqual(await client.zpopmax('z', 2), flatOrNested(protocol, [['c', as(Infinity)], ['b', as(3)]]));
  await client.zadd('z', 0, 'p', 0, 'q', 0, 'r');
  assert.deepEqual(await client.zrangebylex('z', '[q', '+'), ['q', 'r']);
  assert.deepEqual(await client.zmpop(1, 'z', 'MAX', 'COUNT', 2), ['z', [['r', as(0)], ['q', as(0)]]]);
  await client.zadd('y', 5, 'p', 6, 's');
  assert.deepEqual(await client.zunion(2, 'z', 'y', 'WITHSCORES'), flatOrNested(protocol, [['p', as(5)], ['s', as(6)]]));
  assert.deepEqual([await client.zinterstore('i', 2, 'z', 'y'), await client.zdiff(2, 'y', 'z'), await client.zrem('i', 'p')], [1, ['s'], 1]);
  assert.equal(await client.exists('i'), 0);
}

async function streamsAndTheirGroupsKeepWhatWasDelivered(client, protocol) {
  const streams = (entries) => (protocol === 2 ? [['x', entries]] : { x: entries });
  const pairs = (map) => (protocol === 2 ? Object.entries(map).flat() : map);
  const ids = [await client.xadd('x', '1-1', 'f', 'v'), await client.xadd('x', '2-1', 'f', 'w'), await client.xadd('x', '2-*', 'f', 'x')];
  assert.deepEqual(ids, ['1-1', '2-1', '2-2']);
  const entries = [['1-1', ['f', 'v']], ['2-1', ['f', 'w']], ['2-2', ['f', 'x']]];
  assert.deepEqual(await client.xrange('x', '-', '+'), entries);
  assert.deepEqual(await client.xrevrange('x', '+', '(1-1', 'COUNT', 1), entries.slice(2));
  assert.deepEqual(await client.xread('COUNT', 1, 'STREAMS', 'x', 'other', '1-1', '0'), streams(entries.slice(1, 2)));
  assert.equal(await client.xread('STREAMS', 'x', '$'), null);
  assert.equal(await client.xgroup('CREATE', 'x', 'g', '0'), 'OK');
  assert.deepEqual(await client.xreadgroup('GROUP', 'g', 'ann', 'COUNT', 2, 'STREAMS', 'x', '>'), streams(entries.slice(0, 2)));
  assert.deepEqual(await client.xpending('x', 'g'), [2, '1-1', '2-1', [['ann', '2']]]);
  const [first] = await client.xpending('x', 'g', '-', '+', 1);
  assert.deepEqual([first[0], first[1], first[3]], ['1-1', 'ann', 1]);
  assert.deepEqual(await client.xautoclaim('x', 'g', 'bob', 0, '0', 'COUNT', 1), ['2-1', entries.slice(0, 1), []]);
  assert.deepEqual(await client.xclaim('x', 'g', 'bob', 0, '2-1', 'JUSTID'), ['2-1']);
  assert.equal(await client.xack('x', 'g', '1-1', '2-1', '9-9'), 2);
  const group = { name: 'g', consumers: 2, pending: 0, 'last-delivered-id': '2-1', 'entries-read': 2, lag: 1 };
  assert.deepEqual(await client.xinfo('GROUPS', 'x'), [pairs(group)]);
  assert.deepEqual([await client.xdel('x', '1-1'), await client.xtrim('x', 'MAXLEN', 1), await client.xlen('x')], [1, 1, 1]);
  const older = 'ERR The ID specified in XADD is equal or smaller than the target stream top item';
  await assert.rejects(client.xadd('x', '1-1', 'f', 'v'), replyError(older));
}

async function geoPositionsAreFoundByDistance(client, protocol) {
  assert.equal(await client.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'), 2);
  const text = [['13.36138933897018433', '38.11555639549629859'], null];
  const exact = [[13.361389338970184, 38.1155563954963], null];
  assert.deepEqual(await client.geopos('geo', 'Palermo', 'nowhere'), protocol === 2 ? text : exact);
  assert.equal(await client.geodist('geo', 'Palermo', 'Catania', 'km'), '166.2742');
  const found = await client.geosearch('geo', 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km', 'ASC', 'WITHDIST', 'WITHHASH');
  assert.deepEqual(found, [['Catania', '56.4413', 3479447370796909], ['Palermo', '190.4424', 3479099956230698]]);
  assert.equal(await client.geosearchstore('near', 'geo', 'FROMMEMBER', 'Palermo', 'BYBOX', 10, 10, 'km'), 1);
  assert.deepEqual(await client.geohash('near', 'Palermo'), ['sqc8b49rny0']);
  assert.equal(await client.pfadd('p', ...numbers(MANY)), 1);
  assert.ok(Math.abs((await client.pfcount('p')) - MANY) < 30);
}

async function wrongTypesAreRefused(client) {
  await client.set('string', 'v');
  await client.rpush('list', 'v');
  const calls = [
    client.lpush('string', 1), client.hgetall('string'), client.sadd('list', 1), client.zadd('list', 1, 'm'),
    client.xadd('list', '*', 'f', 'v'), client.get('list'), client.blpop('string', 1), client.geodist('list', 'a', 'b'),
  ];
  await Promise.all(calls.map((call) => assert.rejects(call, replyError(WRONG_TYPE))));
  await assert.rejects(client.hset('h', 'f'), replyError("ERR wrong number of arguments for 'hset' command"));
  await assert.rejects(client.zadd('z', 'one', 'm'), replyError('ERR value is not a valid float'));
}

async function scanStreamsFindEveryElement(client) {
  await client.hset('h', Object.fromEntries(numbers(MANY).map((number) => [`f${number}`, number])));
  await client.sadd('s', ...numbers(MANY).map((number) => `m${number}`));
  await client.zadd('z', ...numbers(MANY).flatMap((number) => [number / 2, `m${number}`]));
  const pairsOf = async (stream) => {
    const found = new Map();
    for await (const part of stream) for (let at = 0; at < part.length; at += 2) found.set(part[at], part[at + 1]);
    return found;
  };
  assert.deepEqual(Object.fromEntries(await pairsOf(client.hscanStream('h', { count: 50 }))), await client.hgetall('h'));
  const scores = await pairsOf(client.zscanStream('z', { count: 50 }));
  assert.equal(scores.size, MANY);
  numbers(MANY).forEach((number) => assert.equal(scores.get(`m${number}`), String(number / 2)));
  const members = new Set();
  for await (const part of client.sscanStream('s')) part.forEach((member) => members.add(member));
  assert.deepEqual([...members].sort(), numbers(MANY).map((number) => `m${number}`).sort());
  const matched = await pairsOf(client.hscanStream('h', { match: 'f99?' }));
  assert.equal(matched.size, 10);
}

async function aPipelineMixesAllTypes(client, protocol) {
  const pipeline = client.pipeline();
  for (const number of numbers(200)) {
    pipeline.rpush('l', number).hincrby('h', 'f', 1).sadd('s', number).zadd('z', number, number).xadd('x', `${number + 1}-0`, 'n', number);
  }
  const replies = await pipeline.lpush('h', 1).zrange('z', -1, -1, 'WITHSCORES').lrange('l', -2, -1).hgetall('h').exec();
  assert.equal(replies.length, 1_004);
  numbers(200).forEach((number) => {
    const expected = [number + 1, number + 1, 1, 1, `${number + 1}-0`];
    assert.deepEqual(replies.slice(5 * number, 5 * number + 5), expected.map((reply) => [null, reply]));
  });
  replyError(WRONG_TYPE)(replies[1_000][0]);
  const pairs = flatOrNested(protocol, [['199', score(protocol, 199)]]);
  assert.deepEqual(replies.slice(1_001), [[null, pairs], [null, ['198', '199']], [null, { f: '200' }]]);
}

async function blocked(client) {
  return Number(/blocked_clients:(\d+)/.exec(await client.info('clients'))[1]);
}

async function untilBlocked(client, count) {
  while ((await blocked(client)) !== count) await sleep(5);
}

async function waitingClientsAreServedByPushes(client, protocol, options) {
  await withClient(protocol, options, async (waiter) => {
    const served = async (reply, push) => {
      await untilBlocked(client, 1);
      await push();
      return reply;
    };
    const as = (number) => score(protocol, number);
    assert.deepEqual(await served(waiter.blpop('other', 'l', 0), () => client.rpush('l', 'v')), ['l', 'v']);
    assert.equal(await served(waiter.blmove('l', 'm', 'LEFT', 'RIGHT', 0), () => client.lpush('l', 'w')), 'w');
    assert.deepEqual(await served(waiter.blmpop(0, 1, 'l', 'RIGHT', 'COUNT', 2), () => client.rpush('l', 1, 2, 3)), ['l', ['3', '2']]);
    assert.deepEqual(await served(waiter.bzpopmin('z', 0), () => client.zadd('z', 2, 'b', 1, 'a')), ['z', 'a', as(1)]);
    assert.deepEqual(await served(waiter.bzmpop(0, 1, 'y', 'MAX'), () => client.zadd('y', 7, 'm')), ['y', [['m', as(7)]]]);
    const entries = [['5-1', ['f', 'v']]];
    const read = await served(waiter.xread('BLOCK', 0, 'STREAMS', 'x', '$'), () => client.xadd('x', '5-1', 'f', 'v'));
    assert.deepEqual(read, protocol === 2 ? [['x', entries]] : { x: entries });
    await client.del('l');
    const begin = Date.now();
    assert.equal(await waiter.blpop('l', 0.1), null);
    assert.equal(await waiter.xread('BLOCK', 100, 'STREAMS', 'x', '$'), null);
    assert.ok(Date.now() - begin >= 190);
    const id = await waiter.client('ID');
    const freed = served(waiter.blpop('l', 0), () => client.client('UNBLOCK', id, 'ERROR'));
    await assert.rejects(freed, replyError('UNBLOCKED client unblocked via CLIENT UNBLOCK'));
  });
}

async function manyWaitAndEachElementGoesToOne(client, protocol, options) {
  const taken = [];
  const work = async () => {
    await withClient(protocol, options, async (waiter) => {
      for (;;) {
        const [, element] = await waiter.blpop('l', 'urgent', 0);
        if (element === 'stop') return;
        taken.push(Number(element));
      }
    });
  };
  const workers = numbers(WAITERS).map(work);
  await untilBlocked(client, WAITERS);
  await Promise.all(numbers(MANY).map((number) => client.rpush(number % 7 ? 'l' : 'urgent', number)));
  await client.rpush('l', ...Array(WAITERS).fill('stop'));
  await Promise.all(workers);
  // One that was told to stop may have left an urgent element.
  const rest = (await client.lrange('urgent', 0, -1)).map(Number);
  assert.deepEqual([...taken, ...rest].sort((a, b) => a - b), numbers(MANY));
}

const checks = [
  hashesKeepTheirFields,
  listsPushPopAndMoveAtBothEnds,
  setsKeepEachMemberOnceAndCombine,
  sortedSetsOrderByScoreAndName,
  streamsAndTheirGroupsKeepWhatWasDelivered,
  geoPositionsAreFoundByDistance,
  wrongTypesAreRefused,
  scanStreamsFindEveryElement,
  aPipelineMixesAllTypes,
  waitingClientsAreServedByPushes,
  manyWaitAndEachElementGoesToOne,
];

async function main() {
  for (const [protocol, options] of [[2, {}], [3, { replyMapping: 'resp3' }]]) {
    for (const check of checks) {
      await withClient(protocol, options, async (client) => {
        await client.flushall();
        await run(check, `RESP${protocol}`, client, protocol, options);
      });
    }
  }
  finish();
}

main();
