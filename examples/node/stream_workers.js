// A group of workers on a stream: each order is booked once, although a worker dies with a batch in its hands.
//
//   orders  stream  what is to be booked; the group `booking` remembers who has which entry, until it is acknowledged
//   booked  hash    entry id -> amount
//
// The workers are processes of their own. What one has read and not acknowledged is taken over by another after IDLE_MS.
'use strict';

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { Redis } = require('ioredis');

const PREFIX = 'example:workers:';
const STREAM = `${PREFIX}orders`;
const BOOKED = `${PREFIX}booked`;
const GROUP = 'booking';
const ORDERS = 1_000;
const BATCH = 10;
const IDLE_MS = 500;
const BLOCK_MS = 100;
const LIMIT_MS = 60_000;

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '6379' },
    worker: { type: 'string' }, // the name of a worker: how this program calls itself
    dies: { type: 'boolean', default: false },
  },
});

const connect = () => new Redis({ host: options.host, port: Number(options.port) });

// What was due again is booked once: the entry's id is the order's identity.
async function book(client, id, fields) {
  assert.equal(fields[0], 'amount');
  return client.hsetnx(BOOKED, id, fields[1]);
}

async function work(name) {
  const client = connect();
  const found = { read: 0, takenOver: 0, bookedBefore: 0 };
  let told = false;
  process.on('message', () => { told = true; });
  for (;;) {
    // Entries of workers that have not been heard of for a while come first.
    const [, orphans] = await client.xautoclaim(STREAM, GROUP, name, IDLE_MS, '0', 'COUNT', BATCH);
    found.takenOver += orphans.length;
    for (const [id, fields] of orphans) {
      if (!(await book(client, id, fields))) found.bookedBefore += 1;
      await client.xack(STREAM, GROUP, id);
    }
    const reply = await client.xreadgroup('GROUP', GROUP, name, 'COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', STREAM, '>');
    if (reply === null && told) break;
    for (const [id, fields] of reply ? reply[0][1] : []) {
      found.read += 1;
      await book(client, id, fields);
      // Here the order is booked, and nobody knows yet.
      if (options.dies) process.kill(process.pid, 'SIGKILL');
      await client.xack(STREAM, GROUP, id);
    }
  }
  process.send(found);
  client.disconnect();
  process.disconnect();
}

async function until(condition, what) {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what}: not within ${LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function groupState(client) {
  const [fields] = await client.xinfo('GROUPS', STREAM);
  return Object.fromEntries(Array.from({ length: fields.length / 2 }, (_, n) => [fields[2 * n], fields[2 * n + 1]]));
}

async function run(client, children) {
  assert.equal(await client.xgroup('CREATE', STREAM, GROUP, '$', 'MKSTREAM'), 'OK');
  const launch = (name, ...more) => {
    const child = fork(__filename, ['--host', options.host, '--port', options.port, '--worker', name, ...more]);
    children.push(child);
    return child;
  };

  // The first batch falls into the hands of a worker that dies after its first booking.
  const amounts = Array.from({ length: ORDERS }, (_, number) => (number * 37) % 101);
  const victim = launch('eve', '--dies');
  const ids = await Promise.all(amounts.map((amount) => client.xadd(STREAM, '*', 'amount', amount)));
  assert.deepEqual(await once(victim, 'exit'), [null, 'SIGKILL']);
  const [pending, , , owners] = await client.xpending(STREAM, GROUP);
  assert.deepEqual(owners, [['eve', String(pending)]]);
  assert.ok(pending >= 1 && pending <= BATCH, `${pending} pending`);
  assert.equal(await client.hlen(BOOKED), 1);

  const workers = ['ann', 'bob'].map((name) => launch(name));
  const reports = workers.map((worker) => once(worker, 'message'));
  await until(async () => (await client.hlen(BOOKED)) === ORDERS, 'every order booked');
  await until(async () => (await groupState(client)).pending === 0, 'every entry acknowledged');
  workers.forEach((worker) => worker.send('stop'));
  const found = (await Promise.all(reports)).map(([report]) => report);
  const sum = (name) => found.reduce((total, report) => total + report[name], 0);

  // Nothing is lost, nothing is booked twice, and the dead worker's batch was all that had to be done over.
  const booked = await client.hgetall(BOOKED);
  assert.deepEqual(booked, Object.fromEntries(ids.map((id, number) => [id, String(amounts[number])])));
  assert.equal(sum('read') + pending, ORDERS);
  assert.ok(sum('takenOver') >= pending, `${sum('takenOver')} taken over`);
  assert.ok(sum('bookedBefore') >= 1);
  const state = await groupState(client);
  assert.deepEqual([state.pending, state['last-delivered-id'], state.lag], [0, ids.at(-1), 0]);
  assert.equal(await client.xgroup('DELCONSUMER', STREAM, GROUP, 'eve'), 0, 'nothing of it is pending');
  assert.equal(await client.xlen(STREAM), ORDERS);
  assert.equal(await client.xtrim(STREAM, 'MAXLEN', 0), ORDERS);
  return `${ORDERS} orders booked once each by 3 processes; ${pending} entries of a killed worker were taken over`;
}

async function clean(client) {
  for await (const keys of client.scanStream({ match: `${PREFIX}*` })) if (keys.length) await client.unlink(keys);
}

async function main() {
  if (options.worker) return work(options.worker);
  const client = connect();
  const children = [];
  await clean(client);
  const begin = Date.now();
  try {
    const shown = await run(client, children);
    console.log(`stream workers: ${shown} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  } finally {
    children.forEach((child) => child.kill());
    await clean(client);
    client.disconnect();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
