/* A FastCGI application on libfcgi: a responder, and an authorizer when the
 * server asks for one. What each mode answers is told in ../README.md. */
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static unsigned char buffer[8192];

static const char *var(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

/* The value of `key` ("m=") in the query string, cut to fit; "" without it. */
static void query(const char *key, char *out, size_t size) {
    const char *at = strstr(var("QUERY_STRING"), key);
    size_t n = at ? strcspn(at + strlen(key), "&") : 0;
    if (n >= size) n = size - 1;
    if (at) memcpy(out, at + strlen(key), n);
    out[n] = 0;
}

static void authorizer(void) {
    const char *asked = var("QUERY_STRING");
    int good = !strcmp(var("REMOTE_USER"), "good")
        || !strncmp(var("HTTP_AUTHORIZATION"), "Basic Z29vZD", 12) /* "good:" */
        || strstr(asked, "user=good");
    if (strstr(asked, "m=stderr")) fprintf(stderr, "authorizer line\n");
    if (good)
        printf("Status: 200 OK\r\nVariable-AUTHZ_USER: good\r\n"
               "Variable-AUTHZ_ROLE: %s\r\nContent-Type: text/plain\r\n\r\n", var("FCGI_APACHE_ROLE"));
    else
        printf("Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"authorizer\"\r\n"
               "Content-Type: text/plain\r\n\r\ndenied\n");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void echo(void) {
    unsigned long long hash = 14695981039346656037ULL;
    long length = 0;
    size_t got, i;
    int count = 0, k;
    char **sorted;

    while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        for (i = 0; i < got; i++) hash = (hash ^ buffer[i]) * 1099511628211ULL;
        length += (long)got;
    }
    printf("Content-Type: text/plain\r\n\r\npeer: libfcgi\nmethod: %s\nbody-len: %ld\nbody-fnv: %016llx\n\n",
           var("REQUEST_METHOD"), length, hash);
    while (environ[count]) count++;
    sorted = malloc(sizeof *sorted * ((size_t)count + 1));
    if (!sorted) abort();
    memcpy(sorted, environ, sizeof *sorted * (size_t)count);
    qsort(sorted, (size_t)count, sizeof *sorted, by_text);
    for (k = 0; k < count; k++) {
        const char *s;
        for (s = sorted[k]; *s; s++) {
            unsigned char c = (unsigned char)*s;
            if (c >= 0x20 && c <= 0x7e && c != '\\') putchar(c);
            else printf("\\x%02x", c);
        }
        putchar('\n');
    }
    free(sorted);
}

static void respond(void) {
    char mode[16], number[24];
    long n, i;
    query("m=", mode, sizeof mode);
    query("n=", number, sizeof number);
    n = *number ? strtol(number, NULL, 10) : 5;

    if (!strcmp(mode, "size")) {
        long left = n;
        printf("Content-Type: text/plain\r\nContent-Length: %ld\r\n\r\n", n);
        for (i = 0; left > 0; i++) {
            char line[24];
            int l = snprintf(line, sizeof line, "%07ld\n", i);
            if (l > left) l = (int)left;
            fwrite(line, 1, (size_t)l, stdout);
            left -= l;
        }
    } else if (!strcmp(mode, "status")) {
        printf("Status: %ld Chosen\r\nContent-Type: text/plain\r\n\r\n", n);
        if (n != 204 && n != 304) printf("status %ld\n", n);
    } else if (!strcmp(mode, "odd")) {
        printf("Content-Type: text/plain\r\n"
               "X-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88\r\n"
               "X-Latin1: caf\xe9\r\nX-Empty: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\n"
               "x-lower-Case: Yes\r\n\r\nodd\n");
    } else if (!strcmp(mode, "stderr")) {
        fprintf(stderr, "stderr line one\n");
        fflush(stderr);
        printf("Content-Type: text/plain\r\n\r\nbody\n");
        fflush(stdout);
        fprintf(stderr, "stderr line two\n");
    } else if (!strcmp(mode, "slow")) {
        printf("Content-Type: text/plain\r\n\r\n");
        for (i = 0; i < n; i++) {
            printf("chunk %ld\n", i);
            fflush(stdout);
            usleep(50000);
        }
    } else if (!strcmp(mode, "nobody")) {
        printf("Content-Type: text/plain\r\n\r\nignored\n");
    } else if (!strcmp(mode, "mirror")) {
        size_t got;
        printf("Content-Type: application/octet-stream\r\n\r\n");
        while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) fwrite(buffer, 1, got, stdout);
    } else if (!strcmp(mode, "exit")) {
        FCGI_SetExitStatus((int)n);
        printf("Content-Type: text/plain\r\n\r\nappStatus %ld\n", n);
    } else {
        echo();
    }
}

int main(void) {
    while (FCGI_Accept() >= 0) {
        if (!strcmp(var("FCGI_ROLE"), "AUTHORIZER")) authorizer();
        else respond();
    }
    return 0;
}
