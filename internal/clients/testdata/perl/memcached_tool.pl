# What an operator does with memcached-tool, which comes with memcached. Arguments:
# host, port, path of the tool.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Checks;
use IO::Socket::INET;

my ($host, $port, $tool) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => "$host:$port", Timeout => 10) or die "connect: $!";

# ask sends a request and returns the lines until the one that ends its answer.
sub ask {
    my ($request, $last) = @_;
    print $s $request;
    my $answer = '';
    while (my $line = <$s>) {
        $answer .= $line;
        return $answer if $line =~ /^(?:$last)\r\n/;
    }
    return $answer;
}

# run runs the tool in a mode; what it writes to stderr is left out.
sub run {
    my $out = `perl $tool $host:$port $_[0] 2>/dev/null`;
    check("memcached-tool $_[0]", $?, 0);
    return $out;
}

ask("flush_all\r\n", 'OK');
my $long = 'x' x 200_000;
ask("set plain 7 0 5\r\nhello\r\n",               'STORED');
ask("set p%20q=r 0 0 2\r\n\r\n\r\n",              'STORED');
my $not_before = time;
ask("set limited 4294967295 1000 1\r\nx\r\n",     'STORED');
my $not_after = time;
ask("set long 0 0 200000\r\n$long\r\n",           'STORED');
ask("set many$_ 1 0 4\r\n" . sprintf('%04d', $_) . "\r\n", 'STORED') for 1 .. 300;
my $gets = 'get plain p%20q=r limited long ' . join(' ', map { "many$_" } 1 .. 300) . "\r\n";
my $before = ask($gets, 'END');

my $stats = run('stats');
check("stats has $_", $stats =~ /^\s+$_\s+\d/m ? 1 : 0, 1) for qw(bytes curr_items limit_maxbytes cmd_get uptime version);
check('settings', run('settings') =~ /^\s+item_size_max\s+1048576/m ? 1 : 0, 1);
check('display has a head', run('display') =~ /Item_Size/ ? 1 : 0, 1);
run('sizes');
my $keys = run('keys');
check('keys', scalar(() = $keys =~ /^key=/mg), 304);
check('a key is written so that it can be read', $keys =~ /^key=p%2520q%3Dr exp=-1 la=\d+ cas=\d+ fetch=yes cls=\d+ size=\d+/m ? 1 : 0, 1);
check('an expiry is a time of day', $keys =~ /^key=limited exp=(\d+) /m && $1 >= $not_before + 999 && $1 <= $not_after + 1001 ? 1 : 0, 1);

# A dump is a list of requests that bring everything back.
my $dump = run('dump');
ask("flush_all\r\n", 'OK');
check('flushed', ask($gets, 'END'), "END\r\n");
# Not all at once: the answers would have to wait for each other's reader.
while ($dump =~ /\G(add (\S+) \d+ \d+ (\d+)\r\n)/gc) {
    my $head = $1;
    my $data = substr($dump, pos $dump, $3 + 2);
    pos($dump) += $3 + 2;
    check("restored $2", ask($head . $data, '\w+'), "STORED\r\n");
}
check('restored everything', ask($gets, 'END') eq $before ? 1 : 0, 1);

my ($version) = ask("version\r\n", 'VERSION .*') =~ /VERSION (\S+)/;
finish("memcached-tool with a server that calls itself $version");
