# First process of a gVisor sandbox, as its root: unpacks a parcel (see parcel.ts), runs the program it names as another
# user, carries its output, counts its processes, tells how it ended, and at the end packs its files. It speaks in
# frames on standard output: channel, three zero bytes, length, bytes. Uses no module, so that perl-base is enough.
# Arguments: user id, most processes, shell commands that set limits, 1 to pack the files.
use strict;

my ($user, $most, $limits, $pack) = @ARGV;
my ($OUT, $ERR, $REPORT, $ARCHIVE) = (1, 2, 3, 4);
my ($WNOHANG, $TICK) = (1, 0.1);

sub put {
    my ($channel, $bytes) = @_;
    my $frame = pack('CxxxN', $channel, length $bytes) . $bytes;
    my $at = 0;
    while ($at < length $frame) {
        my $count = syswrite(STDOUT, $frame, length($frame) - $at, $at);
        exit 125 unless defined $count;
        $at += $count;
    }
}

sub fail { put($REPORT, "failed $_[0]\n"); exit 125 }

sub take {
    my ($size) = @_;
    my $bytes = '';
    while (length $bytes < $size) {
        sysread(STDIN, $bytes, $size - length $bytes, length $bytes) or fail('the parcel is cut short');
    }
    return $bytes;
}

# For good: nobody gets back from here.
sub become_user {
    $) = "$user $user"; $( = $user;
    $< = $user; $> = $user;
    exit 125 if $< != $user || $> != $user || $( != $user;
}

# Pipes belong to who makes them, and a program may open its own /dev/stdout anew.
sub as_user { my ($do) = @_; $> = $user; my @made = $do->(); $> = 0; return @made }

sub start {
    my ($argv, %to) = @_;
    my $pid = fork;
    fail("no process can be started: $!") unless defined $pid;
    return $pid if $pid;
    open(STDIN, '<', '/dev/null') if $to{detached};
    open(STDOUT, '>&', $to{out}) or exit 125;
    open(STDERR, '>&', $to{err}) or exit 125 if $to{err};
    become_user();
    exec { $argv->[0] } @$argv;
    exit 127;
}

# Passes on what comes out of these until all are closed; calls back at least every tick, and not for every piece.
sub relay {
    my ($channels, $tick) = @_;
    my $turns = 0;
    my %open = map { fileno($_->[0]) => $_ } @$channels;
    while (%open) {
        my $ready = '';
        vec($ready, $_, 1) = 1 for keys %open;
        my $many = select($ready, undef, undef, $TICK);
        $tick->() if $tick && ($many == 0 || $turns++ % 16 == 0);
        next if $many < 1;
        for my $number (keys %open) {
            next unless vec($ready, $number, 1);
            my ($handle, $channel) = @{$open{$number}};
            if (sysread($handle, my $bytes, 65536)) { put($channel, $bytes) }
            else { delete $open{$number} }
        }
    }
}

sub tasks {
    my $count = -1;
    opendir(my $processes, '/proc') or return 0;
    for my $pid (grep { /^\d+$/ } readdir $processes) {
        opendir(my $threads, "/proc/$pid/task") or next;
        $count += grep { /^\d+$/ } readdir $threads;
    }
    return $count;
}

sub kill_all { kill 'KILL', -1 }

my $head = '';
$head .= take(1) until $head =~ /\n\z/;
my ($arguments, $variables, $files, @sizes) = split ' ', $head;
my @items = map { take($_) } @sizes;
my @argv = splice @items, 0, $arguments;
my %environment = map { split /=/, $_, 2 } splice @items, 0, $variables;

as_user(sub {
    while (@items) {
        my ($path, $content) = splice @items, 0, 2;
        mkdir substr($path, 0, $-[0]) while $path =~ m{/}g;
        open(my $file, '>', $path) or fail("$path: $!");
        (print {$file} $content) && close $file or fail("$path: $!");
        chmod 0755, $path;
    }
});

my ($out, $out_end, $err, $err_end) = as_user(sub {
    pipe(my $out, my $out_end) or fail("pipe: $!");
    pipe(my $err, my $err_end) or fail("pipe: $!");
    return ($out, $out_end, $err, $err_end);
});
{
    local %ENV = (%ENV, %environment);
    put($REPORT, "started\n");
    my $shell = ['/bin/sh', '-c', "$limits && exec \"\$@\"", 'sh', @argv];
    my $program = start($shell, out => $out_end, err => $err_end);
    close $out_end;
    close $err_end;
    my ($status, $ticks);
    my $watch = sub {
        # Nobody listens any more when the runner is gone: the pipe ends this process, and so the sandbox.
        put($REPORT, ".\n") if ++$ticks % 10 == 0;
        if (tasks() > $most) { put($REPORT, "crowded\n"); kill_all() }
        return if defined $status || waitpid($program, $WNOHANG) != $program;
        $status = $?;
        kill_all();
    };
    relay([[$out, $OUT], [$err, $ERR]], $watch);
    # A program that has closed its output and lives on is waited for, and still watched.
    until (defined $status) {
        $watch->();
        select(undef, undef, undef, $TICK) unless defined $status;
    }
    kill_all();
    put($REPORT, 'exit ' . ($status & 127 ? 128 + ($status & 127) : $status >> 8) . "\n");
}
if ($pack) {
    pipe(my $archive, my $archive_end) or fail("pipe: $!");
    start(['/bin/tar', '-c', '-f', '-', '.'], out => $archive_end, detached => 1);
    close $archive_end;
    relay([[$archive, $ARCHIVE]]);
}
put($REPORT, "done\n");
