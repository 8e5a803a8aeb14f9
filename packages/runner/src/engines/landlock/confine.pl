# Gives up, for good, everything that a program must not do, and becomes that program: Landlock for files, TCP and
# signals, a seccomp filter for system calls. perl-base is enough for it.
# Usage: confine.pl NUMBERS FILTER WORK read=PATH... use=PATH... -- COMMAND...
#        confine.pl NUMBERS --abi
# NUMBERS are those of the system calls close, close_range, openat, prctl and seccomp, by commas.
# read: files may be read and run; use: one device may be read and written.
use strict;

my ($close, $close_range, $openat, $prctl, $seccomp) = map { $_ + 0 } split /,/, shift;
# The same on every architecture.
my ($create_ruleset, $add_rule, $restrict_self) = (444, 445, 446);

my ($EXECUTE, $WRITE_FILE, $READ_FILE, $READ_DIR) = (1 << 0, 1 << 1, 1 << 2, 1 << 3);
my ($MAKE_CHAR, $MAKE_SOCK, $MAKE_BLOCK, $TRUNCATE, $IOCTL_DEV) = (1 << 6, 1 << 9, 1 << 11, 1 << 14, 1 << 15);
# What can be granted for a file that is no folder.
my $FOR_FILES = $EXECUTE | $WRITE_FILE | $READ_FILE | $TRUNCATE | $IOCTL_DEV;
# How many kinds of access to files each version of Landlock knows; a kind it does not know cannot be named.
my @KINDS = (0, 13, 14, 15, 15, 16);
my ($TCP_BIND_AND_CONNECT, $ABSTRACT_SOCKETS_AND_SIGNALS) = (3, 3);
my ($FIRST_WITH_TCP, $FIRST_WITH_SCOPES) = (4, 6);
my ($AT_FDCWD, $O_PATH_CLOEXEC, $RULE_PATH_BENEATH) = (-100, 0x280000, 1);
my ($PR_SET_NO_NEW_PRIVS, $SECCOMP_SET_MODE_FILTER, $CLOSE_RANGE_CLOEXEC) = (38, 1, 4);

sub refuse { print STDERR "confine: $_[0]: $!\n"; exit 125 }

my $abi = syscall($create_ruleset, 0, 0, 1);
if ($ARGV[0] eq '--abi') { print $abi < 0 ? 0 : $abi, "\n"; exit 0 }
refuse('Landlock') if $abi < 1;

my ($filter_path, $work) = splice @ARGV, 0, 2;
my %allowed = (read => [], use => []);
while (defined(my $word = shift @ARGV)) {
    last if $word eq '--';
    my ($kind, $path) = split /=/, $word, 2;
    push @{$allowed{$kind}}, $path;
}

# Descriptors that we inherited would reach the program.
syscall($close_range, 3, 0xffffffff, $CLOSE_RANGE_CLOEXEC);
syscall($prctl, $PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 or refuse('no_new_privs');

my $all = (1 << $KINDS[$abi < $#KINDS ? $abi : $#KINDS]) - 1;
my $attributes = pack('Q', $all);
$attributes .= pack('Q', $TCP_BIND_AND_CONNECT) if $abi >= $FIRST_WITH_TCP;
$attributes .= pack('Q', $ABSTRACT_SOCKETS_AND_SIGNALS) if $abi >= $FIRST_WITH_SCOPES;
my $ruleset = syscall($create_ruleset, $attributes, length $attributes, 0);
refuse('ruleset') if $ruleset < 0;

sub grant {
    my ($path, $access) = @_;
    my $name = "$path\0";
    my $fd = syscall($openat, $AT_FDCWD, $name, $O_PATH_CLOEXEC, 0);
    return if $fd < 0;
    $access &= $FOR_FILES unless -d $path;
    my $rule = pack('Ql', $access & $all, $fd);
    syscall($add_rule, $ruleset, $RULE_PATH_BENEATH, $rule, 0) == 0 or refuse("rule for $path");
    syscall($close, $fd);
}
grant($_, $EXECUTE | $READ_FILE | $READ_DIR) for @{$allowed{read}};
# What runtimes read about themselves. Not the whole folder: it shows the connections and mounts of the machine.
grant("/proc/$$/$_", $READ_FILE | $READ_DIR) for qw(cmdline comm exe fd limits maps stat statm status);
grant($_, $READ_FILE | $WRITE_FILE) for @{$allowed{use}};
grant($work, $all & ~($MAKE_CHAR | $MAKE_BLOCK | $MAKE_SOCK | $IOCTL_DEV));

open(my $file, '<', $filter_path) or refuse('filter');
binmode $file;
my $filter = do { local $/; <$file> };
close $file;
syscall($restrict_self, $ruleset, 0) == 0 or refuse('Landlock');
my $program = pack('Sx6P', length($filter) / 8, $filter);
syscall($seccomp, $SECCOMP_SET_MODE_FILTER, 0, $program) == 0 or refuse('seccomp');
exec { $ARGV[0] } @ARGV;
print STDERR "$ARGV[0]: $!\n";
exit 127;
