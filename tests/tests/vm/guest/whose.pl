# Listens at one place and tells each client whose its socket is, as the kernel
# says: `whose.pl tcp PORT`, `whose.pl udp PORT`, `whose.pl unix PATH MODE GID`.
use strict;
use warnings;
use Socket;

my ($protocol, $at, $mode, $gid) = @ARGV;
my $stream = $protocol ne 'udp';
my $family = $protocol eq 'unix' ? PF_UNIX : PF_INET;
my $address = $protocol eq 'unix' ? pack_sockaddr_un($at) : sockaddr_in($at, INADDR_LOOPBACK);
socket(my $server, $family, $stream ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!";
bind($server, $address) or die "bind: $!";
if ($protocol eq 'unix') {
    chown(0, $gid, $at) or die "chown: $!";
    chmod(oct($mode), $at) or die "chmod: $!";
}

# The owner in the kernel's table of the socket that has this local port.
sub uid {
    my ($port) = @_;
    open(my $table, '<', "/proc/net/$protocol") or die "table: $!";
    while (<$table>) {
        my @fields = split;
        return $fields[7] if $fields[1] =~ /:([0-9A-F]{4})$/ && hex($1) == $port;
    }
    return 'nobody knows';
}

# SO_PEERCRED, and SO_PEERGROUPS, which the module does not have.
sub credentials {
    my ($client) = @_;
    my (undef, $uid, $gid) = unpack('i3', getsockopt($client, SOL_SOCKET, SO_PEERCRED));
    my @groups = sort { $a <=> $b } unpack('i*', getsockopt($client, SOL_SOCKET, 59) // '');
    return "uid $uid, gid $gid, groups @groups";
}

if (!$stream) {
    while (my $peer = recv($server, my $data, 100, 0)) {
        send($server, 'uid ' . uid((sockaddr_in($peer))[0]), 0, $peer);
    }
}
listen($server, 9) or die "listen: $!";
while (my $peer = accept(my $client, $server)) {
    my $unix = $protocol eq 'unix';
    syswrite($client, $unix ? credentials($client) : 'uid ' . uid((sockaddr_in($peer))[0]));
    close($client);
}
