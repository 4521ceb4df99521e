// One line for each check, passed or failed; `checklist.py` is the same for Python. A check is an asynchronous function
// whose name is the sentence that it holds; it rejects where that is not so.
'use strict';

// Long for a machine that does other things besides, and short enough to wait for.
const CHECK_LIMIT_MS = 20_000;

const environment = process.env;
const servers = {
  binary: environment.SERVER_BINARY,
  port: Number(environment.SERVER_PORT),
  socket: environment.SERVER_SOCKET,
  lockedPort: Number(environment.LOCKED_PORT),
  lockedPassword: environment.LOCKED_PASSWORD,
};

// Names are in camel case: a capital, or a number, begins a word.
function sentence(check) {
  return check.name.replace(/[a-z](?=[A-Z0-9])|[0-9](?=[A-Z])/g, '$& ').toLowerCase();
}

function withinLimit(promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${CHECK_LIMIT_MS} ms`)), CHECK_LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

let failed = 0;

async function run(check, label, ...parameters) {
  const name = sentence(check) + (label ? ` (${label})` : '');
  try {
    await withinLimit(check(...parameters));
    console.log(`  pass  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`  FAIL  ${name}: ${error.stack.split('\n    at ')[0]}`);
    const place = error.stack.split('\n').find((line) => line.includes(require.main.filename));
    if (place) console.log(`       ${place}`);
  }
}

// A connection that a failed check has left open must not keep the program alive.
function finish() {
  process.exit(failed ? 1 : 0);
}

module.exports = { finish, run, servers };
