<?php
// What each mode answers is told in ../../README.md.
$mode = $_GET['m'] ?? 'echo';
$n = (int)($_GET['n'] ?? 5);

function body() { return file_get_contents('php://input'); }
function printable($text) {
    return preg_replace_callback('/[^\x20-\x5b\x5d-\x7e]/', fn($m) => sprintf('\\x%02x', ord($m[0])), $text);
}
function lines($length) {
    $out = '';
    for ($i = 0; strlen($out) < $length; $i++) $out .= sprintf("%07d\n", $i);
    return substr($out, 0, $length);
}

header('Content-Type: text/plain');
switch ($mode) {
case 'size':
    header("Content-Length: $n");
    echo lines($n);
    break;
case 'status':
    http_response_code($n);
    if ($n != 204 && $n != 304) echo "status $n\n";
    break;
case 'bodied':
    http_response_code($n);
    echo "status $n\n";
    break;
case 'odd':
    header("X-Utf8: \u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}");
    header("X-Latin1: caf\xe9");
    header('X-Empty:');
    header('Set-Cookie: a=1');
    header('Set-Cookie: b=2; Path=/', false);
    header('x-lower-Case: Yes');
    echo "odd\n";
    break;
case 'stderr':
    error_log('stderr line one');
    echo "body\n";
    flush();
    error_log('stderr line two');
    break;
case 'slow':
    while (ob_get_level()) ob_end_flush();
    for ($i = 0; $i < $n; $i++) { echo "chunk $i\n"; flush(); usleep(50000); }
    break;
case 'hang':
    header('Content-Length: ' . 2 * $n);
    echo lines($n);
    while (ob_get_level()) ob_end_flush();
    flush();
    sleep(3600);
    break;
case 'nobody':
    echo "ignored\n";
    break;
case 'mirror':
    echo body();
    break;
case 'fatal':
    throw new Exception('fatal on purpose');
case 'late':
    echo lines(65536);
    flush();
    throw new Exception('late on purpose');
default:
    $body = body();
    echo 'peer: php ', PHP_VERSION, "\nmethod: ", $_SERVER['REQUEST_METHOD'],
        "\nbody-len: ", strlen($body), "\nbody-fnv: ", hash('fnv1a64', $body), "\n\n";
    $names = array_keys($_SERVER);
    sort($names, SORT_STRING);
    foreach ($names as $name)
        if (is_scalar($_SERVER[$name])) echo printable("$name={$_SERVER[$name]}"), "\n";
}
