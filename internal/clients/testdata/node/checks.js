// What the Node programs share: counted assertions and a patient wait.
'use strict';

const { isDeepStrictEqual, inspect } = require('node:util');

let passed = 0;
let failed = 0;

// check counts one assertion; a failure is printed and the program goes on.
function check(what, got, ...wanted) {
  const want = wanted.length ? wanted[0] : true; // undefined may be wanted
  if (isDeepStrictEqual(got, want)) {
    passed++;
    return;
  }
  failed++;
  console.log(`FAILED ${what}: got ${inspect(got).slice(0, 200)}, want ${inspect(want).slice(0, 200)}`);
}

// eventually is for what becomes true late: expiry is told in whole seconds.
async function eventually(what, condition) {
  const end = Date.now() + 4000;
  while (!(await condition()) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  check(what, await condition());
}

// failure is the message of the error that a promise ends with, or undefined.
async function failure(promise) {
  try {
    await promise;
  } catch (e) {
    return e.message;
  }
}

function finish(name) {
  const { version } = JSON.parse(require('node:fs').readFileSync(`node_modules/${name}/package.json`));
  console.log(`${name} ${version}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

// bytes gives n bytes of every kind, line ends among them.
function bytes(n) {
  const b = Buffer.alloc(n);
  for (let i = 0; i < n; i++) b[i] = i;
  b.write('\r\nEND\r\n', Math.max(0, n - 9), 'latin1');
  return b;
}

module.exports = { check, eventually, failure, finish, bytes };
