#!/usr/bin/perl
# How many of an item are left. One process, one select loop, kept-alive connections; needs only perl-base.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

$SIG{TERM} = sub { exit 0 };
$SIG{PIPE} = 'IGNORE';
my $server = IO::Socket::INET->new(
    LocalAddr => $ENV{HOST} || '127.0.0.1',
    LocalPort => $ENV{PORT} || 8080,
    Listen    => 128,
    ReuseAddr => 1,
) or die "stock: cannot listen: $!\n";
my $ready = IO::Select->new($server);
my %pending;

while (my @readable = $ready->can_read) {
    for my $socket (@readable) {
        if ($socket == $server) {
            my $client = $server->accept or next;
            $pending{$client} = '';
            $ready->add($client);
            next;
        }
        my $count = sysread $socket, $pending{$socket}, 65536, length $pending{$socket};
        if (!$count) { forget($socket); next }
        while ($pending{$socket} =~ s/\A(.*?)\r\n\r\n//s) {
            my $head = $1;
            my ($item) = $head =~ /[?&]item=(\w+)/;
            my $body = sprintf '{"item":"%s","left":%d,"language":"Perl"}', $item // '?', 7;
            my $reply = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                . length($body) . "\r\n\r\n$body";
            syswrite $socket, $reply;
        }
    }
}

sub forget {
    my ($socket) = @_;
    $ready->remove($socket);
    delete $pending{$socket};
    close $socket;
}
