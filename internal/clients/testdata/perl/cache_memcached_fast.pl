# What an application does with Cache::Memcached::Fast. Arguments: host, port.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Checks;
use Cache::Memcached::Fast;

my $server = "$ARGV[0]:$ARGV[1]";
my $c = Cache::Memcached::Fast->new({ servers => [$server], io_timeout => 10 });
$c->flush_all;

check('miss', $c->get('absent'), undef);
check('set', $c->set('k', 'v'), 1);
check('get', $c->get('k'), 'v');
check('add of what is there', $c->add('k', 'x') ? 1 : 0, 0);
check('replace of what is absent', $c->replace('absent', 'x') ? 1 : 0, 0);
check('replace', $c->replace('k', 'b'), 1);
check('append', $c->append('k', 'c'), 1);
check('prepend', $c->prepend('k', 'a'), 1);
check('all three', $c->get('k'), 'abc');
check('touch', $c->touch('k', 100), 1);
check('gat', $c->gat(200, 'k'), 'abc');
check('gat of what is absent', $c->gat(200, 'absent'), undef);

my $seen = $c->gets('k');
check('gets', $seen->[1], 'abc');
check('cas', $c->cas('k', $seen->[0], 'd'), 1);
check('cas of an older value', $c->cas('k', $seen->[0], 'e') ? 1 : 0, 0);
check('cas of what is absent', $c->cas('absent', $seen->[0], 'e') ? 1 : 0, 0);
$seen = $c->gats(300, 'k');
check('gats', $seen->[1], 'd');
check('cas after gats', $c->cas('k', $seen->[0], 'f'), 1);
check('delete', $c->delete('k'), 1);
check('delete of what is absent', $c->delete('k') ? 1 : 0, 0);

check('incr of what is absent', $c->incr('absent'), '');
$c->set('n', 10);
check('incr', $c->incr('n', 5), 15);
check('decr', $c->decr('n'), 14);
check('decr stops at nothing', $c->decr('n', 100) + 0, 0);

my @keys = map { "many:$_" } 0 .. 499;
my $stored = $c->set_multi(map { [$_, "value of $_"] } @keys);
check('set_multi', scalar(grep { $stored->{$_} } @keys), 500);
check('get_multi', scalar(keys %{ $c->get_multi('absent', @keys) }), 500);
my $gets = $c->gets_multi(@keys);
check('gets_multi', scalar(keys %$gets), 500);
my $won = $c->cas_multi(map { [$_, $gets->{$_}[0], 'again'] } @keys);
check('cas_multi', scalar(grep { $won->{$_} } @keys), 500);
check('gat_multi', scalar(keys %{ $c->gat_multi(100, @keys) }), 500);
check('gats_multi', scalar(keys %{ $c->gats_multi(100, @keys) }), 500);
my $touched = $c->touch_multi(map { [$_, 100] } @keys, 'absent');
check('touch_multi', scalar(grep { $touched->{$_} } @keys, 'absent'), 500);
$c->set_multi(['n1', 1], ['n2', 2]);
check('incr_multi', join(',', @{ $c->incr_multi(['n1', 10], ['n2', 10]) }{qw(n1 n2)}), '11,12');
my $deleted = $c->delete_multi(@keys);
check('delete_multi', scalar(grep { $deleted->{$_} } @keys), 500);

my $large = substr(join('', map { chr } 0 .. 255) x 5000, 0, 1024 * 1024 - 512);
my $big = Cache::Memcached::Fast->new({ servers => [$server], compress_threshold => -1, max_size => 2 * 1024 * 1024, io_timeout => 10 });
check('a large value', $big->set('large', $large) && $big->get('large') eq $large ? 1 : 0, 1);
check('too large', $big->set('large', 'x' x (1024 * 1024 + 1)) ? 1 : 0, 0);
check('the connection is as good as before', $big->set('k', 'v'), 1);

# In void context the client asks for no answer.
$c->set('void', 'v');
$c->append('void', 'w');
$c->incr('n', 7);
$c->delete('k');
$c->nowait_push;
eventually('what was sent without an answer', sub { ($c->get('void') // '') eq 'vw' && !defined $c->get('k') });

check('already gone', $c->set('gone', 'v', -1) && $c->get('gone'), undef);
$c->set('short', 'v', 1);
check('not yet', $c->get('short'), 'v');
eventually('a second later', sub { !defined $c->get('short') });

my $versions = $c->server_versions;
check('version', $versions->{$server} =~ /^\d+\.\d+\.\d+/ ? 1 : 0, 1);
check('flush_all', $c->flush_all->{$server}, 1);
check('flushed', $c->get('n'), undef);

finish("Cache::Memcached::Fast $Cache::Memcached::Fast::VERSION");
