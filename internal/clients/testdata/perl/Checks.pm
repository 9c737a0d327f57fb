# What the Perl programs share: counted assertions and a patient wait.
package Checks;

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);

our @EXPORT = qw(check eventually finish);

my ($passed, $failed) = (0, 0);

# check counts one assertion; values are compared as text, undef only equals undef.
sub check {
    my ($what, $got, $want) = @_;
    my $same = defined $got && defined $want ? $got eq $want : !defined $got && !defined $want;
    if ($same) { $passed++; return }
    $failed++;
    printf "FAILED %s: got %s, want %s\n", $what, map { defined $_ ? "'" . substr($_, 0, 80) . "'" : 'undef' } $got, $want;
}

# eventually is for what becomes true late: expiry is told in whole seconds.
sub eventually {
    my ($what, $condition) = @_;
    my $end = time + 4;
    sleep 0.05 while !$condition->() && time < $end;
    check($what, $condition->() ? 1 : 0, 1);
}

sub finish {
    print "$_[0]: $passed passed, $failed failed\n";
    exit($failed ? 1 : 0);
}

1;
