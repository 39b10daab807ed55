<%-- The contract of ../README.md in a servlet container. An error page is the only one that every method reaches. --%>
<%@ page isErrorPage="true" session="false" trimDirectiveWhitespaces="true"
    import="java.io.*,java.util.*,java.util.zip.CRC32,java.nio.charset.StandardCharsets" %><%!
static String printable(String text) {
    StringBuilder out = new StringBuilder();
    for (char c : text.toCharArray()) {
        if (c >= 0x20 && c <= 0x7e && c != '\\') out.append(c);
        else out.append(String.format(c < 0x100 ? "\\x%02x" : "\\u%04x", (int) c));
    }
    return out.toString();
}

static byte[] lines(int length) {
    byte[] out = new byte[(length + 7) / 8 * 8];
    for (int at = 0, line = 0; at < out.length; line++) {
        int rest = line;
        for (int digit = 6; digit >= 0; digit--, rest /= 10) out[at + digit] = (byte) ('0' + rest % 10);
        out[at + 7] = '\n';
        at += 8;
    }
    return Arrays.copyOf(out, length);
}

static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
}
%><%
Map<String, String> asked = new HashMap<>();
String query = request.getQueryString();
for (String pair : (query == null ? "" : query).split("&")) {
    String[] parts = pair.split("=", 2);
    asked.putIfAbsent(parts[0], parts.length > 1 ? parts[1] : "");
}
String mode = asked.getOrDefault("m", "echo");
int n = Integer.parseInt(asked.getOrDefault("n", "5"));
OutputStream body = response.getOutputStream();
response.setContentType("text/plain");
switch (mode) {
case "size":
    response.setContentLength(n);
    body.write(lines(n));
    break;
case "status":
    response.setStatus(n);
    if (n != 204 && n != 304) body.write(bytes("status " + n + "\n"));
    break;
case "odd":
    // A character a byte, or the field is dropped.
    byte[] utf8 = "\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148".getBytes(StandardCharsets.UTF_8);
    response.setHeader("X-Utf8", new String(utf8, StandardCharsets.ISO_8859_1));
    response.setHeader("X-Latin1", "caf\u00e9");
    response.setHeader("X-Empty", "");
    response.addHeader("Set-Cookie", "a=1");
    response.addHeader("Set-Cookie", "b=2; Path=/");
    response.setHeader("x-lower-Case", "Yes");
    body.write(bytes("odd\n"));
    break;
case "stderr":
    System.err.println("stderr line one");
    body.write(bytes("body\n"));
    break;
case "slow":
    for (int i = 0; i < n; i++) {
        if (i > 0) Thread.sleep(50);
        body.write(bytes("chunk " + i + "\n"));
        response.flushBuffer();
    }
    break;
case "chunks":
    for (int i = 0; i < n; i++) body.write(lines(65536));
    break;
case "cut":
    response.setContentLength(2 * n);
    body.write(lines(n));
    // An error here would leave the web server waiting.
    break;
case "hang":
    response.setContentLength(2 * n);
    body.write(lines(n));
    body.flush();
    Thread.sleep(3600_000L);
    break;
case "nobody":
    body.write(bytes("ignored\n"));
    break;
case "mirror": {
    // Each piece goes back before the next is asked for.
    InputStream in = request.getInputStream();
    byte[] piece = new byte[65536];
    for (int got; (got = in.read(piece)) > 0; ) body.write(piece, 0, got);
    break;
}
case "fatal":
    throw new RuntimeException("fatal on purpose");
default: {
    InputStream in = request.getInputStream();
    byte[] piece = new byte[65536];
    CRC32 crc = new CRC32();
    long length = 0;
    for (int got; (got = in.read(piece)) > 0; length += got) crc.update(piece, 0, got);
    List<String> pairs = new ArrayList<>();
    for (String name : Collections.list(request.getHeaderNames()))
        for (String value : Collections.list(request.getHeaders(name)))
            pairs.add("header " + name + "=" + value);
    for (String name : Collections.list(request.getAttributeNames()))
        if (!name.startsWith("jakarta.")) pairs.add("attribute " + name + "=" + request.getAttribute(name));
    pairs.add("protocol=" + request.getProtocol());
    pairs.add("uri=" + request.getRequestURI());
    pairs.add("query=" + query);
    pairs.add("scheme=" + request.getScheme());
    pairs.add("secure=" + request.isSecure());
    pairs.add("server=" + request.getServerName() + ":" + request.getServerPort());
    pairs.add("remote=" + request.getRemoteAddr());
    pairs.add("user=" + request.getRemoteUser());
    pairs.add("auth=" + request.getAuthType());
    pairs.add("type=" + request.getContentType());
    pairs.add("length=" + request.getContentLengthLong());
    pairs.replaceAll(pair -> printable(pair));
    Collections.sort(pairs);
    String head = String.format("peer: tomcat\nmethod: %s\nbody-len: %d\nbody-crc: %08x\n\n",
        request.getMethod(), length, crc.getValue());
    byte[] text = bytes(head + String.join("\n", pairs) + "\n");
    response.setContentLength(text.length);
    body.write(text);
}
}
body.flush();
%>
