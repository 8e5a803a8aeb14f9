# Starts a program that is confined some other way and stays beside it: unpacks its parcel (see parcel.ts), runs it as
# another user where there is one, carries its output, tells how it ended, and at the end packs its files. It speaks in
# frames on standard output: channel, three zero bytes, length, bytes. perl-base is enough for it.
# Arguments: user id; most processes and threads, 0 not to count; 1 to pack the files; number of the system call prctl,
# or 0 as the first process of a sandbox; then the command that the program and its arguments are appended to.
use strict;

my ($user, $most, $pack, $prctl, @prefix) = @ARGV;
my ($OUT, $ERR, $REPORT, $ARCHIVE) = (1, 2, 3, 4);
my ($WNOHANG, $TICK, $PR_SET_CHILD_SUBREAPER) = (1, 0.05, 36);
my ($program, $ending);

# Told to end before we have said which program to kill. Perl may call this between the fork and our knowing of it.
$SIG{TERM} = sub { $ending = 1 };
# Nobody listens any more when the runner is gone: a write tells, and there is one every second.
$SIG{PIPE} = sub { kill_all(); exit 125 };
# Ends a wait for output early.
$SIG{CHLD} = sub { };

# Orphans of the program come to us, and not to whoever reaps for the machine.
syscall($prctl + 0, $PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) if $prctl;

sub put {
    my ($channel, $bytes) = @_;
    my $frame = pack('CxxxN', $channel, length $bytes) . $bytes;
    my $at = 0;
    while ($at < length $frame) {
        my $count = syswrite(STDOUT, $frame, length($frame) - $at, $at);
        if (defined $count) { $at += $count }
        elsif (!$!{EINTR}) { kill_all(); exit 125 }
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
    return if $< == $user && $> == $user;
    $) = "$user $user"; $( = $user;
    $< = $user; $> = $user;
    exit 125 if $< != $user || $> != $user || $( != $user;
}

# Files are the program's own, and so are pipes: it may open its /dev/stdout anew.
sub as_user {
    my ($do) = @_;
    my $self = $>;
    $> = $user;
    my @made = $do->();
    $> = $self;
    return @made;
}

sub start {
    my ($argv, %to) = @_;
    my $pid = fork;
    fail("no process can be started: $!") unless defined $pid;
    return $pid if $pid;
    setpgrp(0, 0);
    $SIG{PIPE} = $SIG{CHLD} = $SIG{TERM} = 'DEFAULT';
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
        $tick->() if $tick && ($many < 1 || $turns++ % 16 == 0);
        next if $many < 1;
        for my $number (keys %open) {
            next unless vec($ready, $number, 1);
            my ($handle, $channel) = @{$open{$number}};
            my $count = sysread($handle, my $bytes, 65536);
            if ($count) { put($channel, $bytes) }
            elsif (defined $count || !$!{EINTR}) { delete $open{$number} }
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

# As the first process of a sandbox, everything but us; else the program's process group, which it cannot leave.
sub kill_all {
    if (!$prctl) { kill 'KILL', -1 }
    elsif ($program) { kill '-KILL', $program }
}

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
exit 125 if $ending;
{
    local %ENV = (%ENV, %environment);
    $program = start([@prefix, @argv], out => $out_end, err => $err_end);
}
if ($ending) { kill_all(); exit 125 }
$SIG{TERM} = sub { kill_all(); exit 125 };
put($REPORT, "started $program\n");
close $out_end;
close $err_end;

my ($status, $ticks, $told);
sub watch {
    my $now = time;
    put($REPORT, ".\n") if $now != ($told //= $now);
    $told = $now;
    if ($most && tasks() > $most) { put($REPORT, "crowded\n"); kill_all() }
    return if defined $status || waitpid($program, $WNOHANG) != $program;
    $status = $?;
    kill_all();
}
relay([[$out, $OUT], [$err, $ERR]], \&watch);
# A program that has closed its output and lives on is waited for, and still watched.
until (defined $status) {
    watch();
    select(undef, undef, undef, $TICK) unless defined $status;
}
kill_all();
if ($prctl) { 1 until waitpid(-1, 0) < 0 && !$!{EINTR} }
my (undef, undef, $user_time, $system_time) = times;
my $code = $status & 127 ? 128 + ($status & 127) : $status >> 8;
put($REPORT, sprintf "exit %d %d\n", $code, 1000 * ($user_time + $system_time));

if ($pack) {
    pipe(my $archive, my $archive_end) or fail("pipe: $!");
    start(['/bin/tar', '-c', '-f', '-', '.'], out => $archive_end, detached => 1);
    close $archive_end;
    relay([[$archive, $ARCHIVE]]);
}
put($REPORT, "done\n");
