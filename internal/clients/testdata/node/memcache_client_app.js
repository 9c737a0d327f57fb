// What an application does with npm's memcache-client. Arguments: host, port.
'use strict';

const { MemcacheClient } = require('memcache-client');
const { check, eventually, failure, finish, bytes } = require('./checks.js');

const c = new MemcacheClient({ server: `${process.argv[2]}:${process.argv[3]}`, cmdTimeout: 10000, lifetime: 100 });
const value = async (key) => (await c.get(key))?.value;

async function main() {
  check('flush_all', await c.cmd('flush_all'), ['OK']);
  check('miss', await c.get('absent'), undefined);
  check('set', await c.set('k', 'v'), ['STORED']);
  check('get', await value('k'), 'v');
  check('add of what is there', await failure(c.add('k', 'x')), 'NOT_STORED');
  check('add', await c.add('added', 'x'), ['STORED']);
  check('replace of what is absent', await failure(c.replace('absent', 'x')), 'NOT_STORED');
  check('replace', await c.replace('k', 'b'), ['STORED']);
  check('append', await c.append('k', 'c'), ['STORED']);
  check('prepend', await c.prepend('k', 'a'), ['STORED']);
  check('all three', await value('k'), 'abc');
  for (const v of [1, 1.5, { a: [1, null] }, 'täxt', bytes(5000)]) {
    await c.set('typed', v);
    check(`kept its type: ${typeof v}`, await value('typed'), v);
  }

  const { casUniq } = await c.gets('k');
  check('cas', await c.cas('k', 'd', { casUniq }), ['STORED']);
  check('cas of an older value', await failure(c.cas('k', 'e', { casUniq })), 'EXISTS');
  check('cas of what is absent', await failure(c.cas('absent', 'e', { casUniq })), 'NOT_FOUND');

  check('incr of what is absent', await failure(c.incr('absent', 1)), 'NOT_FOUND');
  await c.set('n', '10');
  check('incr', await c.incr('n', 5), '15');
  check('decr', await c.decr('n', 1), '14');
  check('decr stops at nothing', await c.decr('n', 100), '0');
  await c.set('word', 'ten');
  check('incr of a word', await failure(c.incr('word', 1)), 'CLIENT_ERROR cannot increment or decrement non-numeric value');

  const keys = Array.from({ length: 500 }, (_, i) => `many:${i}`);
  await Promise.all(keys.map((k) => c.set(k, `value of ${k}`)));
  const found = await c.get([...keys, 'absent']);
  check('get of many', keys.every((k) => found[k].value === `value of ${k}`) && found.absent === undefined);
  check('gets of many', Object.keys(await c.gets(keys)).length, 500);
  check('delete', await c.delete('many:0'), ['DELETED']);
  check('delete of what is absent', await failure(c.delete('many:0')), 'NOT_FOUND');

  const large = bytes(1024 * 1024 - 512);
  await c.set('large', large);
  check('a large value', large.equals(await value('large')));
  check('too large', await failure(c.set('large', bytes(1024 * 1024 + 1))), 'SERVER_ERROR object too large for cache');
  check('the connection is as good as before', await value('k'), 'd');

  c.set('silent', 'v', { noreply: true });
  c.append('silent', 'w', { noreply: true });
  check('what is not answered', await value('silent'), 'vw');
  c.incr('n', 7, { noreply: true });
  c.touch('silent', -1, { noreply: true });
  c.delete('k', { noreply: true });
  check('incr, touch and delete', [(await value('n')).trim(), await value('silent'), await value('k')], ['7', undefined, undefined]);

  await c.set('short', 'v', { lifetime: 1 });
  await c.set('lengthened', 'v', { lifetime: 1 });
  check('touch', await c.touch('lengthened', 100), ['TOUCHED']);
  await eventually('a second later', async () => (await value('short')) === undefined);
  check('the touched one stays', await value('lengthened'), 'v');
  check('gat', (await c.xretrieve('gat 200', 'lengthened')).value, 'v');

  check('version', /^\d+\.\d+\.\d+/.test((await c.version())[1]));
  const { STAT } = await c.cmd('stats');
  check('stats', STAT.some(([name]) => name === 'curr_items'));
  check('verbosity', await c.cmd('verbosity 0'), ['OK']);
  check('a command that is none', await failure(c.cmd('nonsense')), 'ERROR');
  check('flush_all in two words', await c.cmd('flush_all 0'), ['OK']);
  check('flushed', await value('n'), undefined);
  c.shutdown();
  finish('memcache-client');
}

main();
