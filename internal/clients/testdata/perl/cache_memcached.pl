# What an application does with Cache::Memcached. Arguments: host, port.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Checks;
use Cache::Memcached;

my $server = "$ARGV[0]:$ARGV[1]";
my $c = Cache::Memcached->new({ servers => [$server], compress_threshold => 10_000 });
$c->flush_all;

check('miss', $c->get('absent'), undef);
check('set', $c->set('k', 'v'), 1);
check('get', $c->get('k'), 'v');
check('add of what is there', $c->add('k', 'x') ? 1 : 0, 0);
check('add', $c->add('added', 'x'), 1);
check('replace of what is absent', $c->replace('absent', 'x') ? 1 : 0, 0);
check('replace', $c->replace('k', 'b'), 1);
check('append', $c->append('k', 'c'), 1);
check('prepend', $c->prepend('k', 'a'), 1);
check('all three', $c->get('k'), 'abc');
check('delete', $c->delete('k'), 1);
check('delete of what is absent', $c->delete('k') ? 1 : 0, 0);
check('remove', $c->remove('added'), 1);

my $binary = join('', map { chr } 0 .. 255) . "\r\nEND\r\nVALUE x 0 1\r\n";
$c->set('binary', $binary);
check('value that looks like the protocol', $c->get('binary'), $binary);
$c->set('structure', { list => [1, 2, 3], name => 'x' });
check('frozen and thawed', join(',', @{ $c->get('structure')->{list} }), '1,2,3');
my $text = 'again and again ' x 5000;
$c->set('compressed', $text);
check('compressed', $c->get('compressed'), $text);
my $plain = Cache::Memcached->new({ servers => [$server], compress_threshold => 0, namespace => 'ns:' });
my $large = substr($binary x 5000, 0, 1024 * 1024 - 512);
$plain->set('large', $large);
check('a large value under a namespace', $plain->get('large') eq $large ? 1 : 0, 1);
check('too large', $plain->set('large', 'x' x (1024 * 1024 + 1)) ? 1 : 0, 0);
check('the connection is as good as before', $plain->set('k', 'v'), 1);

check('incr of what is absent', $c->incr('absent'), undef);
$c->set('n', 10);
check('incr', $c->incr('n', 5), 15);
check('decr', $c->decr('n'), 14);
check('decr stops at nothing', $c->decr('n', 100) + 0, 0);

$c->set("many:$_", "value $_") for 0 .. 499;
my $found = $c->get_multi('absent', map { "many:$_" } 0 .. 499);
check('get_multi', scalar(keys %$found), 500);
check('one of them', $found->{'many:77'}, 'value 77');

check('a time of day that has passed', $c->set('gone', 'v', time - 100) && $c->get('gone'), undef);
check('a time of day to come', $c->set('tomorrow', 'v', time + 86_400) && $c->get('tomorrow'), 'v');
$c->set('short', 'v', 1);
check('not yet', $c->get('short'), 'v');
eventually('a second later', sub { !defined $c->get('short') });

# In void context nothing is waited for: the client reads the answer with the next one.
$c->set('void', 'v');
check('set in void context', $c->get('void'), 'v');

my $stats = $c->stats(['misc', 'malloc', 'sizes']);
my $misc = $stats->{hosts}{$server}{misc};
check("stats have $_", defined $misc->{$_} ? 1 : 0, 1)
  for qw(pid uptime time version curr_items total_items bytes limit_maxbytes cmd_get cmd_set get_hits get_misses bytes_read bytes_written curr_connections total_connections);
check('stats total', $stats->{total}{cmd_get} > 0 ? 1 : 0, 1);
check('flush_all', $c->flush_all ? 1 : 0, 1);
check('flushed', $c->get('n'), undef);
$c->disconnect_all;
check('after the connections were closed', $c->set('k', 'v') && $c->get('k'), 'v');

finish("Cache::Memcached $Cache::Memcached::VERSION");
