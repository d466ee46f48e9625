/* SPDX-License-Identifier: MIT */
/*
 * The table of parameters and what can be done with its rows. A row knows its kind; a kind knows how to read a value from text
 * and how to print it, nothing else is special about any row but the few with a kind of their own (durability, the
 * output limits). Error texts that Redis has are Redis's, since CONFIG SET passes them on.
 */
#include "engine/config.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kind {
    KIND_INT,
    KIND_BYTES, /* an int that may be written 64mb */
    KIND_OCTAL,
    KIND_TEXT,
    KIND_ENUM,
    KIND_DURABILITY,
    KIND_LIMITS,
    KIND_ALIAS, /* of the row named in `text` */
    KIND_FIXED  /* always `text` */
};

enum row_flag { MUTABLE = 1 << 0, SECRET = 1 << 1 };

struct row {
    const char *name;
    const char *flag; /* or NULL */
    enum kind kind;
    unsigned flags; /* enum row_flag */
    size_t offset;  /* in struct config */
    int64_t min, max, initial;
    const char *text;   /* the initial value of texts; see KIND_ALIAS, KIND_FIXED */
    const char *values; /* of KIND_ENUM: "a, b, c" */
    const char *help;
};

#define MIB ((int64_t)1 << 20)
#define FIELD(member) .offset = offsetof(struct config, member)
#define FIXED(n, value)                                                                                                \
    {                                                                                                                  \
        .name = n, .kind = KIND_FIXED, .flags = MUTABLE, .text = value                                                 \
    }

static const struct row rows[] = {
    {"port", NULL, KIND_INT, 0, FIELD(port), .max = 65535, .initial = 7700,
     .help = "TCP port of the Redis protocol; 0: none"},
    {"bind", NULL, KIND_TEXT, 0, FIELD(bind), .text = "127.0.0.1",
     .help = "addresses to listen on, separated by spaces; * is all"},
    {"unixsocket", "unix", KIND_TEXT, 0, FIELD(unix_path), .text = "",
     .help = "path of a unix socket to listen on as well"},
    {"unixsocketperm", "unix-perm", KIND_OCTAL, 0, FIELD(unix_perm), .max = 0777, .initial = 0700,
     .help = "mode of the unix socket"},
    {"http-port", NULL, KIND_INT, 0, FIELD(http_port), .max = 65535, .initial = 7780,
     .help = "TCP port of HTTP; 0: off"},
    {"dir", NULL, KIND_TEXT, 0, FIELD(dir), .text = "./oxq-data",
     .help = "folder of the data; created when it is not there"},
    {"durability", NULL, KIND_DURABILITY, MUTABLE, FIELD(durability), .text = "always",
     .help = "when a reply may leave: always, interval:<ms>, off; none: nothing is kept on disk"},
    {"journal-segment-size", NULL, KIND_BYTES, 0, FIELD(journal_segment_bytes), .min = 64 * 1024, .max = 4096 * MIB,
     .initial = 16 * MIB, .help = "size of one file of the journal"},
    {"checkpoint-journal-size", NULL, KIND_BYTES, MUTABLE, FIELD(checkpoint_journal_bytes), .min = 64 * 1024,
     .max = INT64_MAX, .initial = 256 * MIB, .help = "a checkpoint starts when the journal has grown by this"},
    {"checkpoint-interval", NULL, KIND_INT, MUTABLE, FIELD(checkpoint_interval_s), .max = INT32_MAX, .initial = 300,
     .help = "seconds after which one starts when something changed; 0: none by time"},
    {"memory-target", NULL, KIND_BYTES, MUTABLE, FIELD(memory_target_bytes), .max = INT64_MAX,
     .help = "values that nobody used for a while leave memory beyond it; 0: all stay"},
    {"requirepass", "password", KIND_TEXT, MUTABLE | SECRET, FIELD(password), .text = "",
     .help = "password that clients must give"},
    {"maxmemory", NULL, KIND_BYTES, MUTABLE, FIELD(max_memory_bytes), .max = INT64_MAX,
     .help = "writes are refused beyond it; 0: no limit"},
    {"maxclients", NULL, KIND_INT, MUTABLE, FIELD(max_clients), .min = 1, .max = 4294967295, .initial = 10000,
     .help = "connections at a time"},
    {"timeout", NULL, KIND_INT, MUTABLE, FIELD(timeout_s), .max = INT32_MAX,
     .help = "seconds after which an idle client is closed; 0: never"},
    {"tcp-keepalive", NULL, KIND_INT, MUTABLE, FIELD(tcp_keepalive_s), .max = INT32_MAX, .initial = 300,
     .help = "seconds between probes of silent clients; 0: none"},
    {"tcp-backlog", NULL, KIND_INT, 0, FIELD(tcp_backlog), .max = INT32_MAX, .initial = 511,
     .help = "connections that may wait to be accepted"},
    {"tls-cert-file", "tls-cert", KIND_TEXT, 0, FIELD(tls_cert), .text = "",
     .help = "PEM file of the certificate: turns TLS on"},
    {"tls-key-file", "tls-key", KIND_TEXT, 0, FIELD(tls_key), .text = "", .help = "PEM file of the certificate's key"},
    {"tls-ca-cert-file", "tls-ca", KIND_TEXT, 0, FIELD(tls_ca), .text = "",
     .help = "PEM file of the authority that clients' certificates must have"},
    {"tls-auth-clients", NULL, KIND_ENUM, 0, FIELD(tls_auth_clients), .text = "yes", .values = "yes, no, optional",
     .help = "with tls-ca, must clients show a certificate: yes, no, optional"},
    {"tls-port", NULL, KIND_INT, 0, FIELD(tls_port), .max = 65535,
     .help = "port for TLS beside the plain one; 0: TLS on port"},
    {"proto-max-bulk-len", NULL, KIND_BYTES, MUTABLE, FIELD(max_bulk_bytes), .min = MIB, .max = INT64_MAX,
     .initial = 512 * MIB, .help = "size of one argument at most"},
    {"client-query-buffer-limit", NULL, KIND_BYTES, MUTABLE, FIELD(query_buffer_bytes), .min = MIB, .max = INT64_MAX,
     .initial = 1024 * MIB, .help = "requests that a client may have waiting"},
    {"client-output-buffer-limit", NULL, KIND_LIMITS, MUTABLE,
     .help = "replies that a client may leave unread: <class> <hard> <soft> <seconds> ..."},
    {"busy-reply-threshold", NULL, KIND_INT, MUTABLE, FIELD(busy_reply_ms), .max = INT64_MAX, .initial = 5000,
     .help = "milliseconds after which others than a script's client get BUSY"},
    {"lua-time-limit", NULL, KIND_ALIAS, MUTABLE, .text = "busy-reply-threshold"},
    {"script-memory-limit", NULL, KIND_BYTES, MUTABLE, FIELD(script_memory_bytes), .min = MIB, .max = INT64_MAX,
     .initial = 256 * MIB, .help = "memory that scripts may use"},
    {"native-scripts", NULL, KIND_ENUM, MUTABLE, FIELD(native_scripts), .text = "yes", .values = "yes, no",
     .help = "run known scripts as C in place of Lua, with the same results: yes, no"},
    {"slowlog-log-slower-than", NULL, KIND_INT, MUTABLE, FIELD(slowlog_us), .min = -1, .max = INT64_MAX,
     .initial = 10000, .help = "microseconds after which a command is logged as slow; -1: none"},
    {"slowlog-max-len", NULL, KIND_INT, MUTABLE, FIELD(slowlog_max_len), .max = INT64_MAX, .initial = 128,
     .help = "slow commands that are kept"},
    {"stream-node-max-entries", NULL, KIND_INT, MUTABLE, FIELD(stream_node_max_entries), .max = INT64_MAX,
     .initial = 100, .help = "entries in one block of a stream"},
    {"stream-node-max-bytes", NULL, KIND_BYTES, MUTABLE, FIELD(stream_node_max_bytes), .max = INT64_MAX,
     .initial = 4096, .help = "size of one block of a stream"},
    {"hz", NULL, KIND_INT, MUTABLE, FIELD(hz), .min = 1, .max = 500, .initial = 10,
     .help = "runs of background work in a second"},
    {"loglevel", "log-level", KIND_ENUM, MUTABLE, FIELD(log_level), .text = "info",
     .values = "debug, info, warning, error", .help = "what is logged: debug, info, warning, error"},
    {"log-format", NULL, KIND_ENUM, MUTABLE, FIELD(log_format), .text = "text", .values = "text, json",
     .help = "how it is logged: text, json"},

    FIXED("activedefrag", "no"),
    FIXED("appendfsync", "everysec"),
    FIXED("appendonly", "no"),
    FIXED("cluster-enabled", "no"),
    FIXED("daemonize", "no"),
    FIXED("databases", "16"),
    FIXED("hash-max-listpack-entries", "512"),
    FIXED("hash-max-listpack-value", "64"),
    FIXED("hash-max-ziplist-entries", "512"),
    FIXED("hash-max-ziplist-value", "64"),
    FIXED("io-threads", "1"),
    FIXED("latency-monitor-threshold", "0"),
    FIXED("lazyfree-lazy-eviction", "no"),
    FIXED("lazyfree-lazy-expire", "no"),
    FIXED("list-compress-depth", "0"),
    FIXED("list-max-listpack-size", "-2"),
    FIXED("list-max-ziplist-size", "-2"),
    FIXED("logfile", ""),
    FIXED("maxmemory-clients", "0"),
    FIXED("maxmemory-policy", "noeviction"),
    FIXED("maxmemory-samples", "5"),
    FIXED("min-replicas-to-write", "0"),
    FIXED("notify-keyspace-events", ""),
    FIXED("protected-mode", "no"),
    FIXED("replica-read-only", "yes"),
    FIXED("save", ""),
    FIXED("set-max-intset-entries", "512"),
    FIXED("slave-read-only", "yes"),
    FIXED("zset-max-listpack-entries", "128"),
    FIXED("zset-max-listpack-value", "64"),
    FIXED("zset-max-ziplist-entries", "128"),
    FIXED("zset-max-ziplist-value", "64"),
};

#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Replicas have a class in Redis's output limits; there are none here, so theirs is only shown. */
#define REPLICA_LIMIT "slave 268435456 67108864 60"

static const struct config_output_limit default_pubsub = {32 * MIB, 8 * MIB, 60};

static int64_t *number_of(struct config *c, const struct row *r)
{
    return (int64_t *)((char *)c + r->offset);
}

static char **text_of(struct config *c, const struct row *r)
{
    return (char **)((char *)c + r->offset);
}

static bool has_text(enum kind kind)
{
    return kind == KIND_TEXT || kind == KIND_ENUM || kind == KIND_DURABILITY;
}

static bool has_number(enum kind kind)
{
    return kind == KIND_INT || kind == KIND_BYTES || kind == KIND_OCTAL;
}

static char *copy_text(struct slice text)
{
    char *copy = mem_alloc(text.len + 1);
    if (text.len) memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

void config_init(struct config *c)
{
    *c = (struct config){.output_pubsub = default_pubsub};
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (has_text(rows[i].kind)) *text_of(c, &rows[i]) = copy_text(slice_from_text(rows[i].text));
        if (has_number(rows[i].kind)) *number_of(c, &rows[i]) = rows[i].initial;
    }
    c->sources = mem_alloc_zero(sizeof(*c->sources) * ROWS_COUNT);
}

void config_deinit(struct config *c)
{
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (has_text(rows[i].kind)) mem_free(*text_of(c, &rows[i]));
    }
    mem_free(c->sources);
    *c = (struct config){0};
}

/* ---------------------------------------------------------------- rows */

size_t config_rows_count(void)
{
    return ROWS_COUNT;
}

const char *config_row_name(size_t row)
{
    return rows[row].name;
}

const char *config_row_flag(size_t row)
{
    return rows[row].flag ? rows[row].flag : rows[row].name;
}

const char *config_row_help(size_t row)
{
    return rows[row].help ? rows[row].help : "";
}

const char *config_row_shape(size_t row)
{
    switch (rows[row].kind) {
    case KIND_INT: return "<number>";
    case KIND_BYTES: return "<size>";
    case KIND_OCTAL: return "<mode>";
    case KIND_ENUM: return "<word>";
    case KIND_TEXT:
    case KIND_DURABILITY:
    case KIND_LIMITS:
    case KIND_ALIAS:
    case KIND_FIXED: break;
    }
    return "<text>";
}

enum config_row_class config_row_classify(size_t row)
{
    if (rows[row].kind == KIND_ALIAS) return CONFIG_ROW_ALIAS;
    return rows[row].kind == KIND_FIXED ? CONFIG_ROW_FIXED : CONFIG_ROW_OWN;
}

bool config_row_is_secret(size_t row)
{
    return rows[row].flags & SECRET;
}

bool config_row_is_mutable(size_t row)
{
    return rows[row].flags & MUTABLE;
}

enum config_source config_row_source(const struct config *c, size_t row)
{
    return c->sources[row];
}

/* Equal but for case, '_' counting as '-': oxq.yaml may be written either way. */
static bool names_equal(struct slice name, const char *known)
{
    if (name.len != strlen(known)) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i] == '_' ? '-' : name.at[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        if (c != known[i]) return false;
    }
    return true;
}

int config_row_find(struct slice name)
{
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (!names_equal(name, rows[i].name) && !(rows[i].flag && names_equal(name, rows[i].flag))) continue;
        return rows[i].kind == KIND_ALIAS ? config_row_find(slice_from_text(rows[i].text)) : (int)i;
    }
    return -1;
}

const char *config_nearest(struct slice name)
{
    struct nearest n = nearest_to(name);
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (config_row_classify(i) != CONFIG_ROW_OWN) continue;
        nearest_offer(&n, config_row_flag(i));
        nearest_offer(&n, rows[i].name);
    }
    return n.best;
}

/* ---------------------------------------------------------------- values to text */

static void print_limits(const struct config *c, char *out, size_t cap)
{
    const struct config_output_limit *n = &c->output_normal, *p = &c->output_pubsub;
    snprintf(out, cap,
             "normal %" PRId64 " %" PRId64 " %" PRId64 " " REPLICA_LIMIT " pubsub %" PRId64 " %" PRId64 " %" PRId64,
             n->hard_bytes, n->soft_bytes, n->soft_s, p->hard_bytes, p->soft_bytes, p->soft_s);
}

void config_row_text(const struct config *c, size_t row, char *out, size_t cap)
{
    const struct row *r = &rows[row];
    /* The accessors are for both readers and writers. */
    struct config *values = (struct config *)c;
    switch (r->kind) {
    case KIND_INT:
    case KIND_BYTES: snprintf(out, cap, "%" PRId64, *number_of(values, r)); break;
    case KIND_OCTAL: snprintf(out, cap, "%" PRIo64, *number_of(values, r)); break;
    case KIND_TEXT:
    case KIND_ENUM:
    case KIND_DURABILITY: snprintf(out, cap, "%s", *text_of(values, r)); break;
    case KIND_LIMITS: print_limits(c, out, cap); break;
    case KIND_ALIAS: config_row_text(c, (size_t)config_row_find(slice_from_text(r->text)), out, cap); break;
    case KIND_FIXED: snprintf(out, cap, "%s", r->text); break;
    }
}

/* ---------------------------------------------------------------- text to values */

static oxq_err refuse(struct oxq_error *err, const char *text)
{
    return err_set(err, OXQ_ERR_ARGUMENT, "%s", text);
}

/* "64mb", "1gb", "100k", "4096"; k, m, g are powers of 1000, kb, mb, gb of 1024. */
static bool parse_bytes(struct slice text, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"", 1},        {"b", 1},    {"k", 1000},       {"kb", 1024},
                 {"m", 1000000}, {"mb", MIB}, {"g", 1000000000}, {"gb", 1024 * MIB}};
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') digits++;
    uint64_t n;
    if (!num_parse_uint(slice_of(text.at, digits), &n)) return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_is(slice_from(text, digits), units[i].name)) continue;
        if (n > (uint64_t)(INT64_MAX / units[i].factor)) return false;
        *out = (int64_t)n * units[i].factor;
        return true;
    }
    return false;
}

static bool parse_octal(struct slice text, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '7' || i > 6) return false;
        n = n * 8 + (text.at[i] - '0');
    }
    *out = n;
    return text.len > 0;
}

static oxq_err set_number(struct config *c, const struct row *r, struct slice value, struct oxq_error *err)
{
    int64_t n = 0;
    if (r->kind == KIND_BYTES && !parse_bytes(value, &n)) return refuse(err, "argument must be a memory value");
    if (r->kind == KIND_OCTAL && !parse_octal(value, &n))
        return refuse(err, "argument couldn't be parsed as an octal number");
    if (r->kind == KIND_INT && !num_parse_int(value, &n))
        return refuse(err, "argument couldn't be parsed into an integer");
    if (r->kind == KIND_OCTAL && (n < r->min || n > r->max))
        return err_set(err, OXQ_ERR_ARGUMENT, "argument must be between %" PRIo64 " and %" PRIo64 " inclusive", r->min,
                       r->max);
    if (n < r->min || n > r->max)
        return err_set(err, OXQ_ERR_ARGUMENT, "argument must be between %" PRId64 " and %" PRId64 " inclusive", r->min,
                       r->max);
    *number_of(c, r) = n;
    return OXQ_OK;
}

static void put_text(struct config *c, const struct row *r, struct slice value)
{
    char *copy = copy_text(value);
    mem_free(*text_of(c, r));
    *text_of(c, r) = copy;
}

/* What no text may be, whatever it means. */
static oxq_err check_text(struct slice value, struct oxq_error *err)
{
    if (value.len >= CONFIG_TEXT_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "argument is longer than %d bytes", CONFIG_TEXT_MAX - 1);
    if (value.len && memchr(value.at, '\0', value.len)) return refuse(err, "argument has a zero byte");
    return OXQ_OK;
}

static oxq_err check_password(const struct config *c, struct slice value, enum config_source source,
                              struct oxq_error *err)
{
    if (value.len == 0 && source == CONFIG_RUNTIME && config_is_open(c))
        return refuse(err, "a server that others than this machine reach needs a password");
    return OXQ_OK;
}

/* Redis's levels between debug and warning are both our info. */
static struct slice translate_level(const struct row *r, struct slice value)
{
    bool is_level = strcmp(r->name, "loglevel") == 0;
    return is_level && (slice_is(value, "notice") || slice_is(value, "verbose")) ? SLICE_LIT("info") : value;
}

static oxq_err set_enum(struct config *c, const struct row *r, struct slice value, struct oxq_error *err)
{
    value = translate_level(r, value);
    for (const char *at = r->values; *at;) {
        struct slice word = slice_of(at, strcspn(at, ","));
        char lower[16];
        snprintf(lower, sizeof(lower), "%.*s", (int)word.len, word.at);
        if (slice_is(value, lower)) {
            put_text(c, r, word);
            return OXQ_OK;
        }
        at += word.len;
        at += strspn(at, ", ");
    }
    return err_set(err, OXQ_ERR_ARGUMENT, "argument(s) must be one of the following: %s", r->values);
}

/* Far beyond what anybody wants, and what can be counted in microseconds. */
#define INTERVAL_MAX_MS INT32_MAX

static oxq_err set_durability(struct config *c, const struct row *r, struct slice value, enum config_source source,
                              struct oxq_error *err)
{
    static const struct slice prefix = SLICE_INIT("interval:");
    int64_t ms;
    bool has_interval = value.len > prefix.len && slice_equal(slice_of(value.at, prefix.len), prefix) &&
                        num_parse_int(slice_from(value, prefix.len), &ms) && ms > 0 && ms <= INTERVAL_MAX_MS;
    bool is_none = slice_is(value, "none");
    if (!has_interval && !is_none && !slice_is(value, "always") && !slice_is(value, "off"))
        return refuse(err, "argument must be always, interval:<ms>, off or none");
    if (source == CONFIG_RUNTIME && is_none != config_is_in_memory(c))
        return refuse(err, "whether data is kept on disk at all is decided at the start");
    put_text(c, r, value);
    return OXQ_OK;
}

/* Splits off the next word; false at the end. */
static bool next_word(struct slice *rest, struct slice *out)
{
    while (rest->len && *rest->at == ' ') *rest = slice_from(*rest, 1);
    size_t len = 0;
    while (len < rest->len && rest->at[len] != ' ') len++;
    *out = slice_of(rest->at, len);
    *rest = slice_from(*rest, len);
    return len > 0;
}

#define BAD_LIMIT_COUNT "Wrong number of arguments in buffer limit configuration."
#define BAD_LIMIT_CLASS "Invalid client class specified in buffer limit configuration."
#define BAD_LIMIT_VALUE "Error in hard, soft or soft_seconds setting in buffer limit configuration."

static oxq_err set_limits(struct config *c, struct slice value, struct oxq_error *err)
{
    struct config_output_limit normal = c->output_normal, pubsub = c->output_pubsub, replica;
    struct slice class, hard, soft, seconds;
    while (next_word(&value, &class)) {
        if (!next_word(&value, &hard) || !next_word(&value, &soft) || !next_word(&value, &seconds))
            return refuse(err, BAD_LIMIT_COUNT);
        bool is_replica = slice_is(class, "slave") || slice_is(class, "replica");
        if (!is_replica && !slice_is(class, "normal") && !slice_is(class, "pubsub"))
            return refuse(err, BAD_LIMIT_CLASS);
        struct config_output_limit *limit = is_replica ? &replica : slice_is(class, "normal") ? &normal : &pubsub;
        if (!parse_bytes(hard, &limit->hard_bytes) || !parse_bytes(soft, &limit->soft_bytes) ||
            !num_parse_int(seconds, &limit->soft_s) || limit->soft_s < 0 || limit->soft_s > INT32_MAX)
            return refuse(err, BAD_LIMIT_VALUE);
    }
    c->output_normal = normal;
    c->output_pubsub = pubsub;
    return OXQ_OK;
}

bool config_is_in_memory(const struct config *c)
{
    return strcmp(c->durability, "none") == 0;
}

static oxq_err set_fixed(const struct row *r, struct slice value, struct oxq_error *err)
{
    if (slice_is(value, r->text)) return OXQ_OK;
    if (strcmp(r->name, "maxmemory-policy") == 0)
        return refuse(err, "oxq never evicts: the policy is always noeviction");
    return err_set(err, OXQ_ERR_ARGUMENT, "in oxq this is always '%s'", r->text);
}

static oxq_err set_row(struct config *c, const struct row *r, struct slice value, enum config_source source,
                       struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    switch (r->kind) {
    case KIND_INT:
    case KIND_BYTES:
    case KIND_OCTAL: return set_number(c, r, value, err);
    case KIND_TEXT:
        e = r->flags & SECRET ? check_password(c, value, source, err) : OXQ_OK;
        if (!e) put_text(c, r, value);
        return e;
    case KIND_ENUM: return set_enum(c, r, value, err);
    case KIND_DURABILITY: return set_durability(c, r, value, source, err);
    case KIND_LIMITS: return set_limits(c, value, err);
    case KIND_FIXED: return set_fixed(r, value, err);
    case KIND_ALIAS: break;
    }
    CHECK(!"config_row_find never gives an alias");
    return e;
}

oxq_err config_set(struct config *c, struct slice name, struct slice value, enum config_source source,
                   struct oxq_error *err)
{
    int row = config_row_find(name);
    if (row < 0) return err_set(err, OXQ_ERR_NOT_FOUND, "there is no parameter of that name");
    /* An empty value may come without an address; the parsers step through it. */
    if (value.len == 0) value = SLICE_LIT("");
    oxq_err e = check_text(value, err);
    if (!e) e = set_row(c, &rows[row], value, source, err);
    if (!e) c->sources[row] = source;
    return e;
}

/* ---------------------------------------------------------------- addresses */

bool config_next_address(const char **at, char *out, size_t cap)
{
    *at += strspn(*at, " ,");
    size_t len = strcspn(*at, " ,");
    snprintf(out, cap, "%.*s", (int)len, *at);
    *at += len;
    return len > 0;
}

static bool is_loopback(const char *address)
{
    bool is_ipv4 = address[strspn(address, "0123456789.")] == '\0';
    return (is_ipv4 && strncmp(address, "127.", 4) == 0) || strcmp(address, "::1") == 0 ||
           strcmp(address, "localhost") == 0;
}

bool config_is_open(const struct config *c)
{
    char address[256];
    if (!c->port && !c->tls_port) return false;
    for (const char *at = c->bind; config_next_address(&at, address, sizeof(address));) {
        if (!is_loopback(address)) return true;
    }
    return false;
}
