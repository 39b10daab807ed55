#!/usr/bin/perl
# The contract of ../../README.md as a CGI program.
use strict;
use warnings;
use Compress::Raw::Zlib qw(crc32);

binmode STDIN;
binmode STDOUT;
$| = 1;
my %asked;
for my $pair (split /&/, $ENV{QUERY_STRING} // '') {
    my ($name, $value) = split /=/, $pair, 2;
    $asked{$name} //= $value // '';
}
my $mode = $asked{m} // 'echo';
my $n = $asked{n} // 5;

sub head {
    my ($status, @more) = @_;
    my $head = $status ? "Status: $status Chosen\r\n" : '';
    print $head . join("\r\n", 'Content-Type: text/plain', @more) . "\r\n\r\n";
}

sub sized {
    my ($body, $status) = @_;
    head($status, 'Content-Length: ' . length $body);
    print $body;
}

sub lines {
    my ($length) = @_;
    return substr join('', map { sprintf "%07d\n", $_ } 0 .. ($length + 7) / 8), 0, $length;
}

sub body {
    read STDIN, my $body, $ENV{CONTENT_LENGTH} || 0;
    return $body;
}

sub printable {
    my ($text) = @_;
    $text =~ s/([^\x20-\x5b\x5d-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $text;
}

if ($mode eq 'size') {
    sized(lines($n));
} elsif ($mode eq 'status' && ($n == 204 || $n == 304)) {
    head($n);
} elsif ($mode eq 'status') {
    sized("status $n\n", $n);
} elsif ($mode eq 'odd') {
    head(0, "X-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88", "X-Latin1: caf\xe9", 'X-Empty: ',
        'Set-Cookie: a=1', 'Set-Cookie: b=2; Path=/', 'x-lower-Case: Yes');
    print "odd\n";
} elsif ($mode eq 'stderr') {
    print STDERR "stderr line one\n";
    sized("body\n");
    print STDERR "stderr line two\n";
} elsif ($mode eq 'slow') {
    head();
    for my $i (0 .. $n - 1) {
        select undef, undef, undef, 0.05 if $i;
        print "chunk $i\n";
    }
} elsif ($mode eq 'chunks') {
    head();
    print lines(65_536) for 1 .. $n;
} elsif ($mode eq 'cut') {
    head(0, 'Content-Length: ' . 2 * $n);
    print lines($n);
    die "cut on purpose\n";
} elsif ($mode eq 'nobody') {
    sized("ignored\n");
} elsif ($mode eq 'mirror') {
    sized(body());
} elsif ($mode eq 'fatal') {
    die "fatal on purpose\n";
} else {
    my $body = body();
    my $dump = sprintf "peer: cgi\nmethod: %s\nbody-len: %d\nbody-crc: %08x\n\n", $ENV{REQUEST_METHOD}, length $body, crc32($body);
    $dump .= "$_\n" for sort map { printable("$_=$ENV{$_}") } keys %ENV;
    sized($dump);
}
