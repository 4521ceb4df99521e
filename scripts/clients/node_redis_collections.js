// node-redis and the collection types, with RESP2 and with RESP3: it makes the same of both.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { finish, run } = require('./checklist');
const { connect, errorReply } = require('./node_redis_checks');

const MANY = 1_000;
const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

const numbers = (count) => Array.from({ length: count }, (_, number) => number);

async function hashesListsAndSetsComeBackAsTheyWereSet(client) {
  assert.equal(await client.hSet('h', { f: 'v', g: '2' }), 2);
  // A map without a prototype.
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { f: 'v', g: '2' });
  assert.deepEqual(await client.hmGet('h', ['f', 'nothing']), ['v', null]);
  assert.deepEqual([await client.hIncrBy('h', 'g', 40), await client.hIncrByFloat('h', 'g', 0.5), await client.hDel('h', 'f')], [42, '42.5', 1]);
  assert.deepEqual(await client.hRandFieldCountWithValues('h', 2), [{ field: 'g', value: '42.5' }]);
  assert.deepEqual([await client.rPush('l', ['a', 'b', 'c']), await client.lPush('l', 'z'), await client.lPopCount('l', 2)], [3, 4, ['z', 'a']]);
  assert.deepEqual([await client.lRange('l', 0, -1), await client.lMove('l', 'm', 'LEFT', 'RIGHT'), await client.lPos('l', 'c')], [['b', 'c'], 'b', 0]);
  assert.deepEqual([await client.lmPop(['nothing', 'l'], 'LEFT', { COUNT: 5 }), await client.exists('l')], [['l', ['c']], 0]);
  assert.deepEqual([await client.sAdd('s', ['a', 'b', 'a']), await client.sAdd('t', ['b', 'c'])], [2, 2]);
  assert.deepEqual([await client.smIsMember('s', ['a', 'x']), await client.sInter(['s', 't']), await client.sInterCard(['s', 't'])], [[1, 0], ['b'], 1]);
  assert.deepEqual([(await client.sMembers('s')).sort(), (await client.sPopCount('t', 5)).sort(), await client.exists('t')], [['a', 'b'], ['b', 'c'], 0]);
  await assert.rejects(client.lPush('s', 'x'), errorReply(WRONG_TYPE));
  await assert.rejects(client.hGet('m', 'f'), errorReply(WRONG_TYPE));
}

async function sortedSetsHaveNumbersAsScores(client) {
  const members = [{ score: 2.5, value: 'b' }, { score: 1, value: 'a' }, { score: Infinity, value: 'c' }];
  assert.equal(await client.zAdd('z', members), 3);
  assert.deepEqual([await client.zScore('z', 'c'), await client.zmScore('z', ['a', 'no'])], [Infinity, [1, null]]);
  assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [members[1], members[0], members[2]].map(({ score, value }) => ({ value, score })));
  assert.deepEqual(await client.zRange('z', '+inf', '(1', { BY: 'SCORE', REV: true, LIMIT: { offset: 1, count: 1 } }), ['b']);
  assert.deepEqual([await client.zRank('z', 'b'), await client.zRevRank('z', 'b'), await client.zRank('z', 'no')], [1, 1, null]);
  assert.deepEqual([await client.zIncrBy('z', 0.5, 'a'), await client.zCount('z', 0, 3), await client.zPopMin('z')], [1.5, 2, { value: 'a', score: 1.5 }]);
  assert.deepEqual(await client.zPopMaxCount('z', 5), [{ value: 'c', score: Infinity }, { value: 'b', score: 2.5 }]);
  assert.deepEqual([await client.exists('z'), await client.zPopMin('z')], [0, null]);
  await client.zAdd('x', [{ score: 1, value: 'm' }, { score: 2, value: 'n' }]);
  await client.zAdd('y', [{ score: 10, value: 'n' }]);
  assert.deepEqual(await client.zUnionWithScores(['x', 'y']), [{ value: 'm', score: 1 }, { value: 'n', score: 12 }]);
  assert.deepEqual([await client.zInter(['x', 'y']), await client.zDiff(['x', 'y'])], [['n'], ['m']]);
}

async function streamsAndTheirGroupsKeepWhatWasDelivered(client) {
  const entries = [{ id: '1-1', message: { f: 'v' } }, { id: '1-2', message: { f: 'w', g: 'x' } }];
  // The same, without the prototypes that the client leaves out.
  const plain = (value) => JSON.parse(JSON.stringify(value));
  for (const { id, message } of entries) assert.equal(await client.xAdd('x', id, message), id);
  assert.deepEqual(plain(await client.xRange('x', '-', '+')), entries);
  assert.deepEqual(plain(await client.xRead({ key: 'x', id: '1-1' })), [{ name: 'x', messages: entries.slice(1) }]);
  assert.equal(await client.xRead({ key: 'x', id: '$' }), null);
  assert.equal(await client.xGroupCreate('x', 'g', '0'), 'OK');
  const read = await client.xReadGroup('g', 'ann', { key: 'x', id: '>' }, { COUNT: 1 });
  assert.deepEqual(plain(read), [{ name: 'x', messages: entries.slice(0, 1) }]);
  const summary = { pending: 1, firstId: '1-1', lastId: '1-1', consumers: [{ name: 'ann', deliveriesCounter: 1 }] };
  assert.deepEqual(plain(await client.xPending('x', 'g')), summary);
  const claimed = await client.xAutoClaim('x', 'g', 'bob', 0, '0');
  assert.deepEqual(plain(claimed), { nextId: '0-0', messages: entries.slice(0, 1), deletedMessages: [] });
  const [group] = await client.xInfoGroups('x');
  assert.deepEqual([group.name, group.consumers, group.pending, group['entries-read'], group.lag], ['g', 2, 1, 1, 1]);
  const info = await client.xInfoStream('x');
  assert.deepEqual([info.length, info['last-generated-id'], plain(info['last-entry'])], [2, '1-2', entries[1]]);
  assert.deepEqual([await client.xAck('x', 'g', '1-1'), await client.xDel('x', '1-1'), await client.xLen('x')], [1, 1, 1]);
}

async function geoAndHyperloglogsParse(client, protocol) {
  const palermo = { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' };
  assert.equal(await client.geoAdd('geo', [palermo, { longitude: 15.087269, latitude: 37.502669, member: 'Catania' }]), 2);
  assert.deepEqual([await client.geoDist('geo', 'Palermo', 'Catania', 'km'), await client.geoDist('geo', 'Palermo', 'no')], [166.2742, null]);
  const place = { 2: ['13.36138933897018433', '38.11555639549629859'], 3: [13.361389338970184, 38.1155563954963] }[protocol];
  assert.deepEqual(await client.geoPos('geo', ['Palermo', 'no']), [{ longitude: place[0], latitude: place[1] }, null]);
  const around = [{ longitude: 15, latitude: 37 }, { radius: 200, unit: 'km' }];
  const found = await client.geoSearchWith('geo', ...around, ['WITHDIST', 'WITHCOORD'], { SORT: 'ASC' });
  assert.deepEqual(found.map(({ member, distance }) => [member, distance]), [['Catania', 56.4413], ['Palermo', 190.4424]]);
  assert.deepEqual({ ...found[1].coordinates }, { longitude: 13.361389338970184, latitude: 38.1155563954963 });
  assert.deepEqual([await client.pfAdd('p', numbers(100).map(String)), await client.pfCount('p'), await client.pfMerge('q', 'p')], [1, 100, 'OK']);
}

async function scanIteratorsFindEveryElement(client) {
  await client.hSet('h', Object.fromEntries(numbers(MANY).map((number) => [`f${number}`, String(number)])));
  await client.sAdd('s', numbers(MANY).map((number) => `m${number}`));
  await client.zAdd('z', numbers(MANY).map((number) => ({ score: number / 2, value: `m${number}` })));
  const collect = async (iterator, pair) => {
    const found = new Map();
    for await (const part of iterator) part.forEach((element) => found.set(...pair(element)));
    return found;
  };
  const fields = await collect(client.hScanIterator('h', { COUNT: 50 }), ({ field, value }) => [field, value]);
  const members = await collect(client.sScanIterator('s'), (member) => [member, true]);
  const scores = await collect(client.zScanIterator('z', { COUNT: 50 }), ({ value, score }) => [value, score]);
  assert.deepEqual([fields.size, members.size, scores.size], [MANY, MANY, MANY]);
  for (const number of numbers(MANY)) {
    assert.deepEqual([fields.get(`f${number}`), members.get(`m${number}`), scores.get(`m${number}`)], [String(number), true, number / 2]);
  }
}

async function waitingClientsAreServedByPushes(client, protocol) {
  const waiters = [await connect(protocol), await connect(protocol)];
  const [waiter, other] = waiters;
  const served = async (replies, push) => {
    while (!(await client.info('clients')).includes(`blocked_clients:${replies.length}\r\n`)) await sleep(5);
    await push();
    return Promise.all(replies);
  };
  const first = waiter.blPop(['l', 'k'], 0);
  while (!(await client.info('clients')).includes('blocked_clients:1\r\n')) await sleep(5);
  const both = await served([first, other.blPop('l', 0)], () => client.rPush('l', ['one', 'two', 'three']));
  assert.deepEqual(both.map((reply) => ({ ...reply })), [{ key: 'l', element: 'one' }, { key: 'l', element: 'two' }]);
  assert.deepEqual(await client.lRange('l', 0, -1), ['three']);
  const [popped] = await served([waiter.bzPopMax('z', 0)], () => client.zAdd('z', { score: 1.5, value: 'm' }));
  assert.deepEqual({ ...popped }, { key: 'z', value: 'm', score: 1.5 });
  assert.deepEqual(await served([waiter.blMove('from', 'to', 'LEFT', 'LEFT', 0)], () => client.rPush('from', 'v')), ['v']);
  const [read] = await served([waiter.xRead({ key: 'x', id: '$' }, { BLOCK: 0 })], () => client.xAdd('x', '1-1', { f: 'v' }));
  assert.deepEqual(JSON.parse(JSON.stringify(read)), [{ name: 'x', messages: [{ id: '1-1', message: { f: 'v' } }] }]);
  assert.deepEqual([await waiter.blPop('nothing', 0.05), await waiter.bzPopMin('nothing', 0.05)], [null, null]);
  waiters.forEach((each) => each.destroy());
}

const checks = [
  hashesListsAndSetsComeBackAsTheyWereSet,
  sortedSetsHaveNumbersAsScores,
  streamsAndTheirGroupsKeepWhatWasDelivered,
  geoAndHyperloglogsParse,
  scanIteratorsFindEveryElement,
  waitingClientsAreServedByPushes,
];

async function main() {
  for (const protocol of [2, 3]) {
    const client = await connect(protocol);
    for (const check of checks) {
      await client.flushAll();
      await run(check, `RESP${protocol}`, client, protocol);
    }
    await client.close();
  }
  finish();
}

main();
