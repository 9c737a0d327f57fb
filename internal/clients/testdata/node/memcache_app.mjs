// What an application does with npm's memcache. Arguments: host, port.
import { Memcache } from 'memcache';
import checks from './checks.js';

const { check, eventually, finish } = checks;
const address = `${process.argv[2]}:${process.argv[3]}`;
const c = new Memcache({ nodes: [address], timeout: 10000 });
await c.connect();
await c.flush();

check('miss', await c.get('absent'), undefined);
check('set', await c.set('k', 'v'));
check('get', await c.get('k'), 'v');
check('add of what is there', await c.add('k', 'x'), false);
check('add', await c.add('added', 'x'));
check('replace of what is absent', await c.replace('absent', 'x'), false);
check('replace', await c.replace('k', 'b'));
check('append', await c.append('k', 'c'));
check('prepend', await c.prepend('k', 'a'));
check('all three', await c.get('k'), 'abc');
check('text with line ends', (await c.set('lines', 'ä\r\nEND\r\nö')) && (await c.get('lines')), 'ä\r\nEND\r\nö');

check('incr of what is absent', await c.incr('absent'), undefined);
await c.set('n', '10');
check('incr', await c.incr('n', 5), 15);
check('decr', await c.decr('n'), 14);
check('decr stops at nothing', await c.decr('n', 100), 0);

check('cas of what is absent', await c.cas('absent', 'x', '1'), false);
check('cas of an older value', await c.cas('k', 'x', '1'), false);

const keys = Array.from({ length: 500 }, (_, i) => `many:${i}`);
await Promise.all(keys.map((k) => c.set(k, `value of ${k}`)));
const found = await c.gets([...keys, 'absent']);
check('gets', keys.every((k) => found.get(k) === `value of ${k}`) && found.size === 500);
check('delete', await c.delete('many:0'));
check('delete of what is absent', await c.delete('many:0'), false);

const large = 'x\r\n'.repeat(349000);
check('a large value', (await c.set('large', large)) && (await c.get('large')) === large);

check('thirty days', (await c.set('month', 'v', 2592000)) && (await c.get('month')), 'v');
await c.set('short', 'v', 1);
await c.set('lengthened', 'v', 1);
check('touch', await c.touch('lengthened', 100));
check('touch of what is absent', await c.touch('absent', 100), false);
await eventually('a second later', async () => (await c.get('short')) === undefined);
check('the touched one stays', await c.get('lengthened'), 'v');

const [version] = [...(await c.version()).values()];
check('version', /^(VERSION )?\d+\.\d+\.\d+/.test(version));
const [stats] = [...(await c.stats()).values()];
for (const name of ['pid', 'uptime', 'curr_items', 'bytes', 'limit_maxbytes', 'cmd_get', 'get_hits', 'get_misses', 'evictions']) {
  check(`stats have ${name}`, Number.isInteger(Number(stats[name])));
}
const [settings] = [...(await c.stats('settings')).values()];
check('settings', settings.item_size_max, String(1024 * 1024));
check('flush', await c.flush());
check('flushed', await c.get('n'), undefined);
await c.quit();
finish('memcache');
