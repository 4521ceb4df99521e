// Two rate limiters that are right for any number of concurrent callers, with neither transactions nor scripts.
//
// Each decision is made by one atomic command. Fixed window: INCR gives every caller of a window a number of its own.
// Sliding window: there are as many places as calls are allowed, members of a sorted set with the time at which they
// were taken as their score, and ZADD NX lets only one caller take a place.
'use strict';

const assert = require('node:assert/strict');
const { parseArgs } = require('node:util');
const { Redis } = require('ioredis');

const PREFIX = 'example:throttle:';
const LIMIT = 25;
const WINDOW_MS = 60_000;
const CONNECTIONS = 8;
const CALLS = 400;

const { values: options } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '6379' } },
});

// The replies of a pipeline; an error among them is thrown.
async function replies(pipeline) {
  return (await pipeline.exec()).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

// At most LIMIT calls between two full minutes. Cheap, but around the full minute there may be twice as many.
async function fixedWindowAllows(client, user, now) {
  const key = `${PREFIX}fixed:${user}:${Math.floor(now / WINDOW_MS)}`;
  // A window that is over has another key, so the expiry only tidies up.
  const [calls] = await replies(client.pipeline().incr(key).pexpire(key, 2 * WINDOW_MS, 'NX'));
  return calls <= LIMIT;
}

// At most LIMIT calls in any WINDOW_MS. Refuses only where LIMIT calls were allowed within that time.
async function slidingWindowAllows(client, user, now) {
  const key = `${PREFIX}sliding:${user}`;
  for (;;) {
    const look = client.pipeline().zremrangebyscore(key, '-inf', now - WINDOW_MS).pexpire(key, 2 * WINDOW_MS);
    const taken = new Set((await replies(look.zrange(key, 0, -1)))[2].map(Number));
    const free = Array.from({ length: LIMIT }, (_, place) => place).filter((place) => !taken.has(place));
    if (free.length === 0) return false;
    const place = free[Math.floor(Math.random() * free.length)];
    const [won] = await replies(client.pipeline().zadd(key, 'NX', now, place).pexpire(key, 2 * WINDOW_MS));
    if (won) return true;
    // Somebody else was faster, so one place less is free: this ends after LIMIT rounds at most.
  }
}

async function run(clients) {
  // All at once, over several connections; how many of them pass.
  const hammer = async (allows, user, now) => {
    const calls = Array.from({ length: CALLS }, (_, call) => allows(clients[call % CONNECTIONS], user, now));
    return (await Promise.all(calls)).filter(Boolean).length;
  };
  // Time is an argument of the limiters, so what they decide does not depend on how fast this program runs.
  const start = Math.floor(1_700_000_000_000 / WINDOW_MS) * WINDOW_MS;
  const before = start + WINDOW_MS - 1;
  const after = start + WINDOW_MS;

  assert.equal(await hammer(fixedWindowAllows, 'ann', before), LIMIT);
  assert.equal(await hammer(fixedWindowAllows, 'bob', before), LIMIT, 'users do not count for each other');
  assert.equal(await hammer(fixedWindowAllows, 'ann', after), LIMIT, 'a millisecond later begins a new window');

  assert.equal(await hammer(slidingWindowAllows, 'ann', before), LIMIT);
  assert.equal(await hammer(slidingWindowAllows, 'bob', before), LIMIT);
  assert.equal(await hammer(slidingWindowAllows, 'ann', after), 0, 'the window slides, it does not begin anew');
  assert.equal(await hammer(slidingWindowAllows, 'ann', before + WINDOW_MS), LIMIT);
  assert.equal(await clients[0].zcard(`${PREFIX}sliding:ann`), LIMIT);
  const expiry = await clients[0].pttl(`${PREFIX}sliding:ann`);
  assert.ok(expiry > 0 && expiry <= 2 * WINDOW_MS, `${expiry} ms`);
  return `of ${CALLS} calls at once over ${CONNECTIONS} connections exactly ${LIMIT} pass, with either kind of window`;
}

async function clean(client) {
  for await (const keys of client.scanStream({ match: `${PREFIX}*` })) if (keys.length) await client.unlink(keys);
}

async function main() {
  const connect = () => new Redis({ host: options.host, port: Number(options.port) });
  const clients = Array.from({ length: CONNECTIONS }, connect);
  await clean(clients[0]);
  const begin = Date.now();
  try {
    const shown = await run(clients);
    console.log(`rate limiter: ${shown} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  } finally {
    await clean(clients[0]);
    clients.forEach((client) => client.disconnect());
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
