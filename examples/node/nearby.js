// What is near: thousands of taxis that move, and the ones next to a customer with their distances.
//
// Each reply is compared with what a search through all positions finds.
'use strict';

const assert = require('node:assert/strict');
const { parseArgs } = require('node:util');
const { Redis } = require('ioredis');

const PREFIX = 'example:nearby:';
const TAXIS = `${PREFIX}taxis`;
const NEAR = `${PREFIX}near`;
const COUNT = 5_000;
const SEARCHES = 200;
const BERLIN = { longitude: 13.405, latitude: 52.52 };
const SPREAD_DEGREES = 0.4;
const EARTH_RADIUS_M = 6_372_797.560856; // Redis's
// A distance is told with four digits after the point; the border of a circle is not to be decided by the last ones.
const DIGITS_M = 0.001;

const { values: options } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '6379' } },
});

const radians = (degrees) => (degrees * Math.PI) / 180;

function distance(one, other) {
  const u = Math.sin(radians(other.latitude - one.latitude) / 2);
  const v = Math.sin(radians(other.longitude - one.longitude) / 2);
  const a = u * u + Math.cos(radians(one.latitude)) * Math.cos(radians(other.latitude)) * v * v;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(a));
}

// The same numbers each time, so that a failure comes again.
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = randomNumbers(7);
const somewhere = () => ({
  longitude: BERLIN.longitude + (random() - 0.5) * SPREAD_DEGREES,
  latitude: BERLIN.latitude + (random() - 0.5) * SPREAD_DEGREES,
});

// Where the server has put them: positions are kept in 52 bits, which is less than a metre off.
async function positions(client, names, given) {
  const stored = new Map();
  (await client.geopos(TAXIS, ...names)).forEach(([longitude, latitude], index) => {
    const position = { longitude: Number(longitude), latitude: Number(latitude) };
    assert.ok(distance(position, given.get(names[index])) < 1, `${names[index]} is where it said`);
    stored.set(names[index], position);
  });
  return stored;
}

// Members and distances in metres as GEOSEARCH returns them, nearest first, against all that there are.
function check(found, stored, centre, radius, count) {
  const all = [...stored].map(([name, position]) => [name, distance(centre, position)]).sort((a, b) => a[1] - b[1]);
  const near = all.filter(([, metres]) => metres <= radius).slice(0, count);
  assert.ok(Math.abs(found.length - near.length) <= 1, `found ${found.length}, expected ${near.length}`);
  found.forEach(([name, metres], index) => {
    const exact = distance(centre, stored.get(name));
    assert.ok(Math.abs(Number(metres) - exact) < DIGITS_M, `${name}: ${metres} m, expected ${exact}`);
    if (index < near.length) assert.ok(Math.abs(near[index][1] - exact) < DIGITS_M, `${name} is not the ${index + 1}. nearest`);
  });
}

async function run(client) {
  const given = new Map(Array.from({ length: COUNT }, (_, number) => [`taxi:${number}`, somewhere()]));
  const names = [...given.keys()];
  const triples = names.flatMap((name) => [given.get(name).longitude, given.get(name).latitude, name]);
  assert.equal(await client.geoadd(TAXIS, ...triples), COUNT);
  const stored = await positions(client, names, given);

  // Around customers: circles of all sizes, with and without a limit.
  for (let search = 0; search < SEARCHES; search += 1) {
    const customer = somewhere();
    const radius = Math.round(100 + random() ** 3 * 20_000);
    const count = search % 2 ? 10 : COUNT;
    const from = ['FROMLONLAT', customer.longitude, customer.latitude];
    const found = await client.geosearch(TAXIS, ...from, 'BYRADIUS', radius, 'm', 'ASC', 'COUNT', count, 'WITHDIST');
    check(found, stored, customer, radius, count);
  }

  // Around a taxi, which is the nearest to itself; in kilometres, with the positions.
  const [first, second] = await client.geosearch(
    TAXIS, 'FROMMEMBER', 'taxi:0', 'BYRADIUS', 50, 'km', 'ASC', 'COUNT', 2, 'WITHCOORD', 'WITHDIST');
  assert.deepEqual(first.slice(0, 2), ['taxi:0', '0.0000']);
  assert.equal(second[1], await client.geodist(TAXIS, 'taxi:0', second[0], 'km'));
  assert.deepEqual(second[2].map(Number), Object.values(stored.get(second[0])));

  // A box in the map: its corners are farther away than its sides.
  const box = await client.geosearch(TAXIS, 'FROMLONLAT', BERLIN.longitude, BERLIN.latitude, 'BYBOX', 4, 4, 'km', 'WITHDIST');
  assert.ok(box.every(([, km]) => Number(km) <= 2 * Math.SQRT2 + 0.01) && box.some(([, km]) => Number(km) > 2));
  const circle = await client.geosearch(TAXIS, 'FROMLONLAT', BERLIN.longitude, BERLIN.latitude, 'BYRADIUS', 1.99, 'km');
  const inBox = new Set(box.map(([name]) => name));
  assert.ok(circle.length > 0 && circle.every((name) => inBox.has(name)), 'the circle lies within the box');

  // One drives off, another goes home, and a list of the near ones is kept with their distances as scores.
  const far = { longitude: 13.7, latitude: 52.7 };
  assert.equal(await client.geoadd(TAXIS, 'XX', 'CH', far.longitude, far.latitude, second[0]), 1);
  assert.equal(await client.zrem(TAXIS, 'taxi:0'), 1);
  assert.deepEqual(await client.geopos(TAXIS, 'taxi:0'), [null]);
  const around = ['FROMLONLAT', BERLIN.longitude, BERLIN.latitude, 'BYRADIUS', 3, 'km'];
  const near = await client.geosearch(TAXIS, ...around, 'ASC', 'WITHDIST');
  assert.equal(await client.geosearchstore(NEAR, TAXIS, ...around, 'STOREDIST'), near.length);
  const kept = await client.zrange(NEAR, 0, -1, 'WITHSCORES');
  assert.deepEqual(near.map(([name]) => name), kept.filter((_, index) => index % 2 === 0));
  near.forEach(([, km], index) => assert.ok(Math.abs(kept[2 * index + 1] - km) < 0.0001));
  assert.ok(!near.some(([name]) => name === 'taxi:0' || name === second[0]));
  return `${COUNT} taxis, ${SEARCHES} searches by distance, each the same as a look at all of them`;
}

async function clean(client) {
  for await (const keys of client.scanStream({ match: `${PREFIX}*` })) if (keys.length) await client.unlink(keys);
}

async function main() {
  const client = new Redis({ host: options.host, port: Number(options.port) });
  await clean(client);
  const begin = Date.now();
  try {
    const shown = await run(client);
    console.log(`nearby: ${shown} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  } finally {
    await clean(client);
    client.disconnect();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
