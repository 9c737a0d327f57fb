<?php
// What an application does with PHP's memcached extension, which is libmemcached.
// Arguments: host, port.

ob_start(); // a session cannot be started after something was printed
$passed = $failed = 0;

function check(string $what, $got, $want = true): void
{
    global $passed, $failed;
    if ($got === $want) {
        $passed++;
        return;
    }
    $failed++;
    echo "FAILED $what: got ", substr(var_export($got, true), 0, 200), ', want ', substr(var_export($want, true), 0, 200), "\n";
}

// Expiry is told in whole seconds.
function eventually(string $what, callable $condition): void
{
    for ($i = 0; $i < 80 && !$condition(); $i++) {
        usleep(50000);
    }
    check($what, $condition());
}

function client(array $options = []): Memcached
{
    global $argv;
    $c = new Memcached();
    $c->setOptions($options + [Memcached::OPT_BINARY_PROTOCOL => false]);
    $c->addServer($argv[1], (int) $argv[2]);
    return $c;
}

$c = client();
$c->flush();

check('miss', $c->get('absent'), false);
check('its code', $c->getResultCode(), Memcached::RES_NOTFOUND);
check('set', $c->set('k', 'v'));
check('get', $c->get('k'), 'v');
check('add of what is there', $c->add('k', 'x'), false);
check('its code', $c->getResultCode(), Memcached::RES_NOTSTORED);
check('replace of what is absent', $c->replace('absent', 'x'), false);
check('delete of what is absent', $c->delete('absent'), false);
check('its code', $c->getResultCode(), Memcached::RES_NOTFOUND);
check('delete', $c->delete('k'));
check('made on a miss', $c->get('k', fn($c, $k, &$v) => (bool) ($v = 'made')), 'made');
check('and kept', $c->get('k'), 'made');

$plain = client([Memcached::OPT_COMPRESSION => false]);
$plain->set('k', 'b');
check('append', $plain->append('k', 'c'));
check('prepend', $plain->prepend('k', 'a'));
check('all three', $plain->get('k'), 'abc');

foreach ([1, 1.5, true, null, 'täxt', "\r\nEND\r\n\0\xff", [1, ['a' => null]], new ArrayObject([1])] as $value) {
    check('kept its type', $c->set('typed', $value) && $c->get('typed') == $value);
}
$text = str_repeat('again and again ', 5000);
check('compressed', $c->set('text', $text) && $c->get('text') === $text);

$seen = $c->get('k', null, Memcached::GET_EXTENDED);
check('a cas token', isset($seen['cas']));
check('cas', $c->cas($seen['cas'], 'k', 'd'));
check('cas of an older value', $c->cas($seen['cas'], 'k', 'e'), false);
check('its code', $c->getResultCode(), Memcached::RES_DATA_EXISTS);
check('cas of what is absent', $c->cas($seen['cas'], 'absent', 'e'), false);
check('its code', $c->getResultCode(), Memcached::RES_NOTFOUND);

check('increment of what is absent', $c->increment('absent'), false);
$c->set('n', 10);
check('increment', $c->increment('n', 5), 15);
check('decrement', $c->decrement('n'), 14);
check('decrement stops at nothing', $c->decrement('n', 100), 0);

$values = [];
for ($i = 0; $i < 700; $i++) {
    $values["many:$i"] = "value $i";
}
check('setMulti', $c->setMulti($values, 100));
check('getMulti', $c->getMulti([...array_keys($values), 'absent']), $values);
check('getMulti in order', array_keys($c->getMulti(['many:2', 'many:1'], Memcached::GET_PRESERVE_ORDER)), ['many:2', 'many:1']);
check('getMulti with cas tokens', count(array_filter($c->getMulti(array_keys($values), Memcached::GET_EXTENDED), fn($v) => $v['cas'] > 0)), 700);
$c->getDelayed(array_keys($values), true);
check('getDelayed', count($c->fetchAll()), 700);
check('deleteMulti', $c->deleteMulti(array_keys($values)) !== false);
check('after deleteMulti', $c->getMulti(array_keys($values)), []);

$large = substr(str_repeat("\r\n\0x", 300000), 0, 1024 * 1024 - 512);
check('a large value', $plain->set('large', $large) && $plain->get('large') === $large);
check('too large', $plain->set('large', str_repeat('x', 1024 * 1024 + 1)), false);
check('the connection is as good as before', $plain->set('k', 'v') && $plain->get('k') === 'v');

check('already gone', $c->set('gone', 'v', -1) && $c->get('gone'), false);
check('a time of day that has passed', $c->set('gone', 'v', time() - 100) && $c->get('gone'), false);
check('a time of day to come', $c->set('tomorrow', 'v', time() + 86400) ? $c->get('tomorrow') : null, 'v');
$c->set('short', 'v', 1);
$c->set('lengthened', 'v', 1);
check('touch', $c->touch('lengthened', 100));
check('touch of what is absent', $c->touch('absent', 100), false);
check('not yet', $c->get('short'), 'v');
eventually('a second later', fn() => $c->get('short') === false);
check('the touched one stays', $c->get('lengthened'), 'v');

$buffered = client([Memcached::OPT_BUFFER_WRITES => true, Memcached::OPT_NO_BLOCK => true, Memcached::OPT_TCP_NODELAY => true]);
for ($i = 0; $i < 500; $i++) {
    $buffered->set("buffered:$i", "value $i");
}
check('buffered writes', $buffered->get('buffered:499'), 'value 499');
$silent = client([Memcached::OPT_NOREPLY => true, Memcached::OPT_PREFIX_KEY => 'silent:']);
for ($i = 0; $i < 500; $i++) {
    $silent->set("$i", "value $i");
}
check('writes that are not answered', $silent->get('499'), 'value 499');
$silent->delete('499');
eventually('a delete that is not answered', fn() => $c->get('silent:499') === false);
$ketama = client([Memcached::OPT_LIBKETAMA_COMPATIBLE => true, Memcached::OPT_VERIFY_KEY => true, Memcached::OPT_CONNECT_TIMEOUT => 2000]);
check('consistent hashing', $ketama->set('k', 'v') && $ketama->get('k') === 'v');

[$version] = array_values($c->getVersion());
check('version', preg_match('/^\d+\.\d+\.\d+/', $version), 1);
[$stats] = array_values($c->getStats());
foreach (['pid', 'time', 'curr_items', 'total_items', 'bytes', 'limit_maxbytes', 'curr_connections', 'cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'threads'] as $name) {
    check("stats have $name", ($stats[$name] ?? 0) > 0);
}
check('stats say the version', $stats['version'] ?? null, $version);
[$settings] = array_values($c->getStats('settings'));
check('settings', (int) ($settings['item_size_max'] ?? 0), 1024 * 1024);
[$items] = array_values($c->getStats('items'));
check('items', is_array($items));
check('flush', $c->flush());
check('flushed', $c->get('n'), false);
check('quit', $c->quit());
check('after quit a new connection', $c->set('k', 'v') && $c->get('k') === 'v');
check('a session', session());

echo 'php-memcached ', phpversion('memcached'), ": $passed passed, $failed failed\n";
exit($failed ? 1 : 0);

// PHP keeps its sessions there, under a lock made with add. Its setting for the
// protocol is binary by default.
function session(): bool
{
    global $argv;
    ini_set('session.save_handler', 'memcached');
    ini_set('session.save_path', "$argv[1]:$argv[2]");
    ini_set('memcached.sess_binary_protocol', '0');
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    session_id('leasecache-session-1');
    if (!session_start()) {
        return false;
    }
    $_SESSION['cart'] = ['a', 'b'];
    session_write_close();
    $_SESSION = [];
    session_start();
    $kept = ($_SESSION['cart'] ?? null) === ['a', 'b'];
    return session_destroy() && $kept;
}
