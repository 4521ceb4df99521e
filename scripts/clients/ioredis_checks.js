// ioredis, with RESP2 and with RESP3.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Redis, ReplyError } = require('ioredis');
const { finish, run, servers } = require('./checklist');
const { RestartableServer } = require('./restartable');

const LARGE = Buffer.alloc(5 * 1024 * 1024, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));

function connect(protocol, options = {}) {
  const client = new Redis({ host: '127.0.0.1', port: servers.port, protocol, ...options });
  // Failures show in the commands; an unheard 'error' would be printed besides.
  client.on('error', () => {});
  return client;
}

async function withClient(protocol, options, action) {
  const client = connect(protocol, options);
  try {
    await action(client);
  } finally {
    client.disconnect();
  }
}

const replyError = (message) => (error) => {
  assert.ok(error instanceof ReplyError, `${error.name}: ${error.message}`);
  assert.equal(error.message, message);
  return true;
};

async function stringsComeBackAsTheyWereSet(client) {
  assert.equal(await client.set('s', 'one'), 'OK');
  assert.equal(await client.get('s'), 'one');
  assert.equal(await client.get('nothing'), null);
  assert.equal(await client.set('s', 'two', 'NX'), null);
  assert.equal(await client.set('s', 'Grüße ☃', 'EX', 100, 'GET'), 'one');
  assert.equal(await client.get('s'), 'Grüße ☃');
  assert.equal(await client.mset({ a: 1, b: 'zwei' }), 'OK');
  assert.deepEqual(await client.mget('a', 'nothing', 'b'), ['1', null, 'zwei']);
  assert.equal(await client.incrby('a', 41), 42);
  assert.equal(await client.incrbyfloat('a', 0.5), '42.5');
  assert.equal(await client.append('b', '!'), 5);
  assert.equal(await client.getrange('b', 0, -2), 'zwei');
  assert.equal(await client.del('a', 'b', 'nothing'), 2);
}

async function bitmapsSetCountAndCombine(client) {
  assert.equal(await client.setbit('bits', 1_000_000, 1), 0);
  assert.equal(await client.bitcount('bits'), 1);
  assert.equal(await client.bitpos('bits', 1), 1_000_000);
  await client.set('x', Buffer.from([0xf0, 0x0f]));
  assert.equal(await client.bitop('NOT', 'z', 'x'), 2);
  assert.deepEqual(await client.getBuffer('z'), Buffer.from([0x0f, 0xf0]));
  assert.deepEqual(await client.bitfield('f', 'SET', 'u8', 0, 250, 'OVERFLOW', 'FAIL', 'INCRBY', 'u8', 0, 10), [0, null]);
}

async function setexExpires(client) {
  assert.equal(await client.setex('e', 100, 'v'), 'OK');
  assert.equal(await client.ttl('e'), 100);
  assert.equal(await client.persist('e'), 1);
  assert.equal(await client.ttl('e'), -1);
  assert.equal(await client.ttl('nothing'), -2);
  assert.equal(await client.pexpireat('e', 4_000_000_000_000), 1);
  assert.equal(await client.expiretime('e'), 4_000_000_000);
  assert.equal(await client.expire('e', -1), 1);
  assert.equal(await client.exists('e'), 0);
  await client.psetex('short', 50, 'v');
  while ((await client.get('short')) !== null) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await client.exists('short'), 0);
}

async function buffersKeepEveryByte(client) {
  const everyByte = LARGE.subarray(0, 256);
  assert.equal(await client.set(everyByte, everyByte), 'OK');
  assert.deepEqual(await client.getBuffer(everyByte), everyByte);
  assert.deepEqual(await client.keysBuffer('*'), [everyByte]);
  assert.deepEqual(await client.callBuffer('GETRANGE', everyByte, 254, 255), Buffer.from([254, 255]));
}

async function valuesOf5MbSurvive(client) {
  assert.equal(await client.set('large', LARGE), 'OK');
  assert.equal(await client.strlen('large'), LARGE.length);
  assert.ok(LARGE.equals(await client.getBuffer('large')));
  const replies = await Promise.all([client.getBuffer('large'), client.ping(), client.getBuffer('large')]);
  assert.ok(LARGE.equals(replies[0]) && LARGE.equals(replies[2]));
  assert.equal(replies[1], 'PONG');
}

async function aPipelineOf5MbValuesSurvives(client) {
  const replies = await client.pipeline([0, 1, 2].map((number) => ['set', `large:${number}`, LARGE])).exec();
  assert.deepEqual(replies, Array(3).fill([null, 'OK']));
  const values = await client.mgetBuffer('large:0', 'large:1', 'large:2');
  assert.ok(values.every((value) => LARGE.equals(value)));
}

async function aPipelineAnswersInOrderAndKeepsItsErrorsApart(client) {
  const pipeline = client.pipeline();
  for (let number = 0; number < 1_000; number += 1) pipeline.set(`p:${number}`, number).incr(`p:${number}`);
  const replies = await pipeline.exec();
  assert.equal(replies.length, 2_000);
  replies.forEach(([error, reply], index) => {
    assert.equal(error, null);
    assert.equal(reply, index % 2 === 0 ? 'OK' : (index + 1) / 2);
  });
  const [first, second, third] = await client.pipeline([['set', 'word', 'abc'], ['incr', 'word'], ['get', 'word']]).exec();
  assert.deepEqual([first, third], [[null, 'OK'], [null, 'abc']]);
  replyError('ERR value is not an integer or out of range')(second[0]);
}

async function aTransactionRunsAsOneUnlessWhatItWatchesWasChanged(client, protocol) {
  assert.deepEqual(await client.multi().set('n', 1).incr('n').get('n').exec(), [[null, 'OK'], [null, 2], [null, '2']]);
  const [, second] = await client.multi([['set', 'word', 'abc'], ['incr', 'word']]).exec();
  replyError('ERR value is not an integer or out of range')(second[0]);
  await client.watch('n');
  await withClient(protocol, {}, (other) => other.set('n', 10));
  assert.equal(await client.multi().incr('n').exec(), null);
  await client.multi({ pipeline: false });
  assert.equal(await client.incr('n'), 'QUEUED');
  assert.deepEqual(await client.exec(), [[null, 11]]);
}

async function commandsOfOneTurnArePipelinedByThemselves(_, protocol) {
  await withClient(protocol, { enableAutoPipelining: true }, async (client) => {
    await once(client, 'ready');
    const numbers = Array.from({ length: 500 }, (_, number) => number);
    const sets = numbers.map((number) => client.set(`auto:${number}`, number));
    assert.equal(client.autoPipelineQueueSize, 500);
    assert.deepEqual(await Promise.all(sets), numbers.map(() => 'OK'));
    const gets = await Promise.all(numbers.map((number) => client.get(`auto:${number}`)));
    assert.deepEqual(gets, numbers.map(String));
    const mixed = await Promise.allSettled([client.get('auto:1'), client.incr('auto:1', 'surplus'), client.get('auto:2')]);
    assert.deepEqual(mixed.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled']);
    replyError("ERR wrong number of arguments for 'incr' command")(mixed[1].reason);
    assert.deepEqual([mixed[0].value, mixed[2].value], ['1', '2']);
  });
}

async function scanStreamFindsEveryKey(client) {
  const pairs = Array.from({ length: 1_000 }, (_, number) => [`scan:${number}`, number]);
  await client.mset(new Map([...pairs, ['other', 1]]));
  const found = new Set();
  for await (const keys of client.scanStream({ match: 'scan:*', count: 100 })) keys.forEach((key) => found.add(key));
  assert.deepEqual([...found].sort(), pairs.map(([key]) => key).sort());
  const others = new Set();
  for await (const keys of client.scanStream({ match: '*er', type: 'string' })) keys.forEach((key) => others.add(key));
  assert.deepEqual([...others], ['other']);
}

async function errorsAreReplyErrorsWithRedisTexts(client) {
  await client.set('word', 'abc');
  await assert.rejects(client.incr('word'), replyError('ERR value is not an integer or out of range'));
  await assert.rejects(client.call('GET'), replyError("ERR wrong number of arguments for 'get' command"));
  await assert.rejects(client.setex('k', 0, 'v'), replyError("ERR invalid expire time in 'setex' command"));
  await assert.rejects(client.rename('nothing', 'k'), replyError('ERR no such key'));
  const unknown = "ERR unknown command 'nosuch', with args beginning with: 'a' ";
  await assert.rejects(client.call('nosuch', 'a'), replyError(unknown));
  await assert.rejects(client.select(99), replyError('ERR DB index is out of range'));
  assert.equal(await client.get('word'), 'abc');
}

async function databasesPrefixesAndNamesAreKept(client, protocol) {
  await withClient(protocol, { db: 3, keyPrefix: 'app:', connectionName: 'checker' }, async (other) => {
    await other.set('k', 'v');
    assert.equal(await other.client('GETNAME'), 'checker');
    const info = await other.client('INFO');
    assert.match(info, /name=checker /);
    assert.match(info, / db=3 /);
    assert.match(info, new RegExp(` resp=${protocol}( |$)`, 'm'));
  });
  assert.equal(await client.exists('app:k'), 0);
  await withClient(protocol, { db: 3 }, async (other) => {
    assert.equal(await other.get('app:k'), 'v');
    assert.equal(await other.flushdb(), 'OK');
  });
}

async function infoAndConfigAnswer(client, protocol) {
  const info = await client.info('server');
  assert.match(info, new RegExp(`\r\ntcp_port:${servers.port}\r\n`));
  assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  if (protocol !== 3) return;
  await withClient(3, { replyMapping: 'resp3' }, async (mapped) => {
    assert.deepEqual(await mapped.config('GET', 'maxmemory-policy'), { 'maxmemory-policy': 'noeviction' });
  });
}

async function passwordsAndUnixSocketsWork(client, protocol) {
  const locked = { port: servers.lockedPort, retryStrategy: null };
  await withClient(protocol, { ...locked, password: servers.lockedPassword }, async (allowed) => {
    assert.equal(await allowed.set('k', 'v'), 'OK');
  });
  for (const password of ['wrong', undefined]) {
    const refused = new Redis({ host: '127.0.0.1', protocol, ...locked, password, lazyConnect: true });
    const errors = [];
    refused.on('error', (error) => errors.push(error.message));
    await assert.rejects(refused.get('k'));
    refused.disconnect();
    const expected = password ? 'WRONGPASS invalid username-password pair or user is disabled.' : /^NOAUTH /;
    assert.ok(errors.some((message) => (password ? message === expected : expected.test(message))), errors.join('; '));
  }
  await client.set('k', 'over tcp');
  await withClient(protocol, { path: servers.socket, port: undefined, host: undefined }, async (local) => {
    assert.equal(await local.get('k'), 'over tcp');
  });
}

async function aRestartOfTheServerIsSurvived(_, protocol) {
  const server = await RestartableServer.create(servers.binary);
  try {
    await withClient(protocol, { port: server.port, db: 2, maxRetriesPerRequest: null }, async (client) => {
      assert.equal(await client.set('kept', 'v'), 'OK');
      const first = await client.info('server');
      const closed = once(client, 'close');
      await server.stop();
      await closed;
      // Asked while nobody is there: to be answered by the next process.
      const waiting = [client.get('kept'), client.incr('counter')];
      await server.start();
      assert.deepEqual(await Promise.all(waiting), ['v', 1]);
      const runId = (info) => /run_id:(\w+)/.exec(info)[1];
      assert.notEqual(runId(await client.info('server')), runId(first));
      await client.select(0);
      assert.equal(await client.get('kept'), null);
    });
  } finally {
    await server.remove();
  }
}

const checks = [
  stringsComeBackAsTheyWereSet,
  bitmapsSetCountAndCombine,
  setexExpires,
  buffersKeepEveryByte,
  valuesOf5MbSurvive,
  aPipelineOf5MbValuesSurvives,
  aPipelineAnswersInOrderAndKeepsItsErrorsApart,
  aTransactionRunsAsOneUnlessWhatItWatchesWasChanged,
  commandsOfOneTurnArePipelinedByThemselves,
  scanStreamFindsEveryKey,
  errorsAreReplyErrorsWithRedisTexts,
  databasesPrefixesAndNamesAreKept,
  infoAndConfigAnswer,
  passwordsAndUnixSocketsWork,
  aRestartOfTheServerIsSurvived,
];

async function main() {
  for (const protocol of [2, 3]) {
    for (const check of checks) {
      // One each: a connection on which a check was given up would hold up the next.
      await withClient(protocol, {}, async (client) => {
        await client.flushall();
        await run(check, `RESP${protocol}`, client, protocol);
      });
    }
  }
  finish();
}

// `ioredis_collections.js` connects in the same way.
if (require.main === module) main();

module.exports = { replyError, withClient };
