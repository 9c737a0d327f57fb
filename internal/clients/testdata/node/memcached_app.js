// What an application does with npm's memcached. Arguments: host, port.
'use strict';

const { promisify } = require('node:util');
const Memcached = require('memcached');
const { check, eventually, failure, finish, bytes } = require('./checks.js');

const address = `${process.argv[2]}:${process.argv[3]}`;
const m = new Memcached(address, { timeout: 10000, retries: 0 });
const c = {};
for (const name of ['touch', 'get', 'gets', 'getMulti', 'set', 'replace', 'add', 'cas', 'append', 'prepend', 'incr', 'decr', 'del', 'version', 'flush', 'stats', 'settings', 'slabs', 'items']) {
  c[name] = promisify(m[name].bind(m));
}

async function main() {
  await c.flush();
  check('miss', await c.get('absent'), undefined);
  check('set', await c.set('k', 'v', 100));
  check('get', await c.get('k'), 'v');
  check('add of what is there', await failure(c.add('k', 'x', 100)), 'Item is not stored');
  check('add', await c.add('added', 'x', 100));
  check('replace of what is absent', await failure(c.replace('absent', 'x', 100)), 'Item is not stored');
  check('replace', await c.replace('k', 'b', 100));
  check('append', await c.append('k', 'c'));
  check('prepend', await c.prepend('k', 'a'));
  check('all three', await c.get('k'), 'abc');
  for (const value of [1, 1.5, { a: [1, null] }, 'täxt', '', bytes(5000)]) {
    await c.set('typed', value, 100);
    check(`kept its type: ${typeof value}`, await c.get('typed'), value);
  }

  const seen = await c.gets('k');
  check('gets', seen.k, 'abc');
  check('cas', await c.cas('k', 'd', seen.cas, 100));
  check('cas of an older value', await c.cas('k', 'e', seen.cas, 100), false);
  check('cas of what is absent', await c.cas('absent', 'e', seen.cas, 100), false);
  check('the cas that won', await c.get('k'), 'd');

  check('incr of what is absent', await c.incr('absent', 1), false);
  await c.set('n', 10, 100);
  check('incr', await c.incr('n', 5), 15);
  check('decr', await c.decr('n', 1), 14);
  check('decr stops at nothing', await c.decr('n', 100), 0);
  await c.set('word', 'ten', 100);
  check('incr of a word', await failure(c.incr('word', 1)), 'cannot increment or decrement non-numeric value');

  const want = {};
  await Promise.all(Array.from({ length: 500 }, (_, i) => c.set(`many:${i}`, (want[`many:${i}`] = `value ${i}`), 100)));
  const found = await c.getMulti([...Object.keys(want), 'absent']);
  check('getMulti', { ...found }, want);
  check('del', await c.del('many:0'));
  check('del of what is absent', await c.del('many:0'), false);

  const large = 'large '.repeat(174000); // the client escapes line ends, which makes more of them
  check('a large value', (await c.set('large', large, 100)) && (await c.get('large')) === large);

  check('already gone', (await c.set('gone', 'v', -1)) && (await c.get('gone')), undefined);
  check('thirty days', (await c.set('month', 'v', 2592000)) && (await c.get('month')), 'v');
  await c.set('short', 'v', 1);
  await c.set('lengthened', 'v', 1);
  check('touch', await c.touch('lengthened', 100));
  check('touch of what is absent', await c.touch('absent', 100), false);
  await eventually('a second later', async () => (await c.get('short')) === undefined);
  check('the touched one stays', await c.get('lengthened'), 'v');

  const [version] = await c.version();
  check('version', Number(version.major) >= 1 && Number(version.minor) >= 0 && Number(version.bugfix) >= 0);
  const [stats] = await c.stats();
  for (const name of ['pid', 'uptime', 'time', 'curr_items', 'total_items', 'bytes', 'limit_maxbytes', 'cmd_get', 'get_hits', 'get_misses', 'evictions', 'threads']) {
    check(`stats have ${name}`, typeof stats[name], 'number');
  }
  const [settings] = await c.settings();
  check('settings', settings.item_size_max, 1024 * 1024);
  check('items', (await c.items()).length, 1);
  check('slabs', (await c.slabs()).length, 1);
  check('flush', await c.flush(), [true]);
  check('flushed', await c.get('n'), undefined);
  m.end();
  finish('memcached');
}

main();
