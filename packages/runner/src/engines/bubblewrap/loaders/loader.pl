# First program of a box: waits for a parcel (see parcel.ts), unpacks it and becomes the program it names.
# Uses no module, so that perl-base is enough and it starts in 2 ms.
use strict;

sub take {
    my ($from, $size) = @_;
    my $bytes = '';
    while (length $bytes < $size) {
        sysread($from, $bytes, $size - length $bytes, length $bytes) or exit 125;
    }
    return $bytes;
}

open(my $ready, '>&=', 6) or exit 125;
syswrite($ready, "ready\n");
close $ready;

open(my $parcel, '<&=', 3) or exit 125;
my $head = '';
$head .= take($parcel, 1) until $head =~ /\n\z/;
my ($arguments, $variables, $files, @sizes) = split ' ', $head;
my @items = map { take($parcel, $_) } @sizes;
close $parcel;

my @argv = splice @items, 0, $arguments;
for (splice @items, 0, $variables) {
    my ($name, $value) = split /=/, $_, 2;
    $ENV{$name} = $value;
}
while (@items) {
    my ($path, $content) = splice @items, 0, 2;
    mkdir substr($path, 0, $-[0]) while $path =~ m{/}g;
    if (sysopen(my $file, $path, 01 | 0100 | 01000, 0755)) {
        my $written = 0;
        while ($written < length $content) {
            my $count = syswrite($file, $content, length($content) - $written, $written);
            last unless defined $count;
            $written += $count;
        }
        next if $written == length $content;
    }
    print STDERR "$path: $!\n";
    exit 125;
}
exec { $argv[0] } @argv;
print STDERR "$argv[0]: $!\n";
exit 127;
