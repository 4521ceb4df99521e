// node-redis, the other Node client: what it does differently from ioredis, with RESP2 and with RESP3.
'use strict';

const assert = require('node:assert/strict');
const { createClient, ErrorReply, RESP_TYPES } = require('redis');
const { finish, run, servers } = require('./checklist');

async function connect(protocol, options = {}) {
  const client = createClient({ socket: { host: '127.0.0.1', port: servers.port }, RESP: protocol, ...options });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const errorReply = (message) => (error) => {
  assert.ok(error instanceof ErrorReply, `${error.name}: ${error.message}`);
  assert.equal(error.message, message);
  return true;
};

async function stringsComeBackAsTheyWereSet(client) {
  assert.equal(await client.set('s', 'one', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK');
  assert.equal(await client.get('s'), 'one');
  assert.equal(await client.ttl('s'), 100);
  assert.equal(await client.get('nothing'), null);
  assert.equal(await client.mSet({ a: '1', b: 'zwei' }), 'OK');
  assert.deepEqual(await client.mGet(['a', 'nothing', 'b']), ['1', null, 'zwei']);
  assert.equal(await client.incrBy('a', 41), 42);
  assert.equal(await client.setBit('bits', 100, 1), 0);
  assert.equal(await client.bitCount('bits'), 1);
}

async function buffersKeepEveryByte(client) {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await client.set('bytes', bytes);
  const raw = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  assert.deepEqual(await raw.get('bytes'), bytes);
}

async function commandsOfOneTurnAndPipelinesAnswerInOrder(client) {
  const numbers = Array.from({ length: 500 }, (_, number) => number);
  await Promise.all(numbers.map((number) => client.set(`k:${number}`, String(number))));
  assert.deepEqual(await Promise.all(numbers.map((number) => client.get(`k:${number}`))), numbers.map(String));
  const replies = await client.multi().set('p', '1').incr('p').get('p').execAsPipeline();
  assert.deepEqual(replies, ['OK', 2, '2']);
}

async function aTransactionRunsAsOneUnlessWhatItWatchesWasChanged(client) {
  assert.deepEqual(await client.multi().set('n', '1').incr('n').hSet('h', { a: '1', b: '2' }).exec(), ['OK', 2, 2]);
  const other = await client.duplicate().connect();
  await client.watch('n');
  await other.set('n', '10');
  await assert.rejects(client.multi().incr('n').exec(), /watched keys/);
  assert.deepEqual(await client.multi().incr('n').exec(), [11]);
  await other.close();
}

async function scanIteratorFindsEveryKey(client) {
  const names = Array.from({ length: 500 }, (_, number) => `scan:${number}`);
  await client.mSet(names.map((name) => [name, '1']));
  await client.set('other', '1');
  const found = new Set();
  for await (const keys of client.scanIterator({ MATCH: 'scan:*', COUNT: 50 })) keys.forEach((key) => found.add(key));
  assert.deepEqual([...found].sort(), names.sort());
}

async function errorsAreErrorRepliesWithRedisTexts(client) {
  await client.set('word', 'abc');
  await assert.rejects(client.incr('word'), errorReply('ERR value is not an integer or out of range'));
  await assert.rejects(client.sendCommand(['GET']), errorReply("ERR wrong number of arguments for 'get' command"));
  await assert.rejects(client.rename('nothing', 'k'), errorReply('ERR no such key'));
}

async function namesConfigAndInfoParse(_, protocol) {
  const named = await connect(protocol, { name: 'checker', database: 3 });
  assert.equal(await named.clientGetName(), 'checker');
  const mine = await named.clientInfo();
  assert.deepEqual([mine.name, mine.db, mine.resp], ['checker', 3, protocol]);
  // A map without a prototype in RESP3.
  assert.deepEqual({ ...(await named.configGet('maxmemory-policy')) }, { 'maxmemory-policy': 'noeviction' });
  assert.match(await named.info('server'), new RegExp(`tcp_port:${servers.port}\r\n`));
  await named.close();
}

async function passwordsAndUnixSocketsWork(client, protocol) {
  const socket = { host: '127.0.0.1', port: servers.lockedPort, reconnectStrategy: false };
  const allowed = await connect(protocol, { socket, password: servers.lockedPassword });
  assert.equal(await allowed.set('k', 'v'), 'OK');
  await allowed.close();
  const wrong = 'WRONGPASS invalid username-password pair or user is disabled.';
  await assert.rejects(connect(protocol, { socket, password: 'wrong' }), errorReply(wrong));
  await client.set('k', 'over tcp');
  const local = await connect(protocol, { socket: { path: servers.socket } });
  assert.equal(await local.get('k'), 'over tcp');
  await local.close();
}

const checks = [
  stringsComeBackAsTheyWereSet,
  buffersKeepEveryByte,
  commandsOfOneTurnAndPipelinesAnswerInOrder,
  aTransactionRunsAsOneUnlessWhatItWatchesWasChanged,
  scanIteratorFindsEveryKey,
  errorsAreErrorRepliesWithRedisTexts,
  namesConfigAndInfoParse,
  passwordsAndUnixSocketsWork,
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

// `node_redis_collections.js` connects in the same way.
if (require.main === module) main();

module.exports = { connect, errorReply };
