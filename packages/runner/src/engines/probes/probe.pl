# The self-attack in Perl, for engines without Python. Each attempt reports one line: its name, then `held` or `LEAK`.
use strict;
use Socket;

$| = 1;
my ($attack, $secret_file, $reversed_canary, $port, $amount, $mark) = @ARGV;
my $canary = reverse $reversed_canary;

sub report { print "$_[0] ", ($_[1] ? 'LEAK' : 'held'), "\n" }

sub environment {
    for my $path (glob '/proc/[0-9]*/environ') {
        open(my $file, '<', $path) or next;
        local $/;
        return 1 if index(<$file> // '', $canary) >= 0;
    }
    return 0;
}

sub network {
    socket(my $to, AF_INET, SOCK_STREAM, 0) or return 0;
    return connect($to, sockaddr_in($port, inet_aton('127.0.0.1')));
}

sub core_pattern { sysopen(my $file, '/proc/sys/kernel/core_pattern', 1) }

sub forks {
    if (open(my $comm, '>', '/proc/self/comm')) { print $comm $mark; close $comm }
    for my $index (1 .. $amount) {
        my $child = fork;
        return 0 unless defined $child;
        next if $child;
        require POSIX;
        POSIX::setsid() if $index % 2;
        close STDOUT; close STDERR;
        sleep 1 while 1;
    }
    return 1;
}

sub memory {
    my @blocks;
    push @blocks, 'x' x (1 << 20) for 1 .. $amount;
    return 1;
}

if ($attack eq 'reach') {
    report('file', open(my $file, '<', $secret_file));
    report('environment', environment());
    report('network', network());
    report('hypervisor', socket(my $channel, 40, SOCK_STREAM, 0));
    report('core_pattern', core_pattern());
} else {
    report($attack, $attack eq 'memory' ? memory() : forks());
}
