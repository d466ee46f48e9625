/* SPDX-License-Identifier: MIT */
/*
 * A batch is run in rounds. Each takes the units that are not answered, ships them to their nodes, one pipeline_call a
 * node, and looks at what came back:
 *
 *   a reply                         the unit is ANSWERED
 *   LOADING and its like, READONLY  it stays WAITING, and the next round comes after a pause
 *   MOVED, ASK                      the same without a pause, to the node that is named
 *   NOSCRIPT                        the same without a pause, and the node gets all texts again
 *   not sent                        the same, with the client's patience
 *   sent, and no reply              WAITING again when it is idempotent, else LOST
 *
 * A unit is a command, or the whole of an atomic batch or a look: MULTI, the commands, EXEC, which are one item more behind the
 * others. Where a look is refused for want of memory, its commands are the units of further rounds. Replies are kept as bytes, in
 * the order in which they came; each item knows where its own stands. Trees are made of them at the end, when the bytes no longer
 * move.
 */
#include "base/mem.h"
#include "client/cluster.h"
#include "client/key.h"
#include "os/clock.h"
#include "resp/request.h"

/* Rounds that cost nothing but a round trip, before we pause between them as well. */
#define QUICK_ROUNDS 3
/* A script that is unknown right after it was loaded is taken for an answer at last. */
#define SCRIPT_ATTEMPTS_MAX 3

struct client_item {
    size_t at, len;                     /* in the request */
    const struct client_script *script; /* or NULL */
    int slot;
    bool is_idempotent;
    enum { ITEM_WAITING, ITEM_ANSWERED, ITEM_LOST } state;
    size_t replies_count;
    size_t reply_at, reply_len; /* in the replies, the last ones that came; 0 bytes: none */
    int script_attempts;
    struct client_node *asked; /* link: where ASK sent it, for the next round; NULL: nowhere */
    struct resp_value value;   /* once all is over */
};

/* ---------------------------------------------------------------- adding */

static struct client_item *next_item(struct client_batch *b)
{
    /* One more: the unit of an atomic batch. */
    if (b->count + 2 > b->items_cap) {
        b->items_cap = b->items_cap > 0 ? b->items_cap * 2 : 4;
        b->items = mem_resize(b->items, sizeof(*b->items) * b->items_cap);
    }
    return &b->items[b->count];
}

static int slot_of(const struct client_command *m)
{
    if (!m->script) return client_command_slot(m->argv, m->argc);
    return m->keys_count > 0 ? client_key_slot(m->argv[0]) : CLIENT_SLOT_NONE;
}

void client_batch_add(struct client_batch *b, const struct client_command *command)
{
    if (b->added_error) return;
    b->request.limit_bytes = SIZE_MAX;
    b->replies.limit_bytes = SIZE_MAX;
    size_t at = b->request.len;
    b->added_error = client_command_encode(command, false, &b->request);
    if (b->added_error) return;
    *next_item(b) = (struct client_item){.at = at,
                                         .len = b->request.len - at,
                                         .script = command->script,
                                         .slot = slot_of(command),
                                         .is_idempotent = command->is_idempotent,
                                         .replies_count = 1};
    b->count++;
}

size_t client_batch_bytes(const struct client_batch *b)
{
    return b->request.len;
}

/* ---------------------------------------------------------------- a round */

/* What goes to one node in one round. */
struct shipment {
    struct shipment *next; /* link */
    struct client_node *node;
    struct client_item **items; /* in order */
    size_t items_count;
    bool is_asking;     /* ASKING goes before its one item */
    struct buf replies; /* used where there is more than one shipment */
    size_t replies_at;  /* where its replies begin in the batch's */
    struct pipeline_call call;
    oxq_err e;
    struct oxq_error error;
};

struct run {
    struct client *client;
    struct client_batch *batch;
    struct client_item *units;
    size_t units_count;
    int64_t until_us;
    struct shipment *shipments;
    int rounds;            /* that left something to do */
    int route_failures;    /* rounds in which nobody knew where to go */
    int refusals;          /* rounds in which a server said: later */
    int64_t pause_us;      /* until when to pause before the next round; 0: not at all */
    struct oxq_error last; /* why something is still to be done */
    struct oxq_error fatal;
};

static bool is_transaction(const struct run *r)
{
    return r->units != r->batch->items;
}

static struct client_cancel cancel_of(struct client *c)
{
    return (struct client_cancel){&c->is_cancelled, c->cancel_fd};
}

static struct shipment *shipment_to(struct run *r, struct client_node *node, bool is_asking)
{
    struct shipment *s = is_asking ? NULL : r->shipments;
    while (s && (s->node != node || s->is_asking)) s = s->next;
    if (s) return s;
    s = arena_alloc(&r->batch->arena, sizeof(*s));
    memset(s, 0, sizeof(*s));
    s->node = node;
    s->is_asking = is_asking;
    s->items = ARENA_ARRAY(&r->batch->arena, struct client_item *, r->units_count);
    s->next = r->shipments;
    r->shipments = s;
    return s;
}

static oxq_err sort_by_node(struct run *r, struct oxq_error *err)
{
    r->shipments = NULL;
    for (size_t i = 0; i < r->units_count; i++) {
        struct client_item *item = &r->units[i];
        struct client_node *node = item->asked;
        bool is_asking = node != NULL;
        item->asked = NULL;
        if (item->state != ITEM_WAITING) continue;
        oxq_err e = is_asking ? OXQ_OK : client_route(r->client, item->slot, r->until_us, &node, err);
        if (e) return e;
        struct shipment *s = shipment_to(r, node, is_asking);
        s->items[s->items_count++] = item;
    }
    return OXQ_OK;
}

/* The commands' bytes, in place where they stand side by side. */
static struct slice gather_request(struct run *r, const struct shipment *s)
{
    const char *from = r->batch->request.at;
    size_t bytes = 0;
    bool is_one_piece = true;
    for (size_t i = 0; i < s->items_count; i++) {
        is_one_piece = is_one_piece && s->items[i]->at == s->items[0]->at + bytes;
        bytes += s->items[i]->len;
    }
    static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
    size_t before = s->is_asking ? sizeof(asking) - 1 : 0;
    if (is_one_piece && !before) return slice_of(from + s->items[0]->at, bytes);
    char *copy = arena_alloc(&r->batch->arena, before + bytes);
    memcpy(copy, asking, before);
    bytes = before;
    for (size_t i = 0; i < s->items_count; i++) {
        memcpy(copy + bytes, from + s->items[i]->at, s->items[i]->len);
        bytes += s->items[i]->len;
    }
    return slice_of(copy, bytes);
}

/* The scripts that a shipment calls; of neighbours that call the same, one. An atomic unit has them with it. */
static void gather_scripts(struct run *r, struct shipment *s)
{
    size_t found = 0;
    const struct client_script **scripts = NULL;
    for (size_t i = 0; i < s->items_count; i++) {
        const struct client_script *script = s->items[i]->script;
        if (!script || (found > 0 && scripts[found - 1] == script)) continue;
        if (!scripts)
            scripts = (const struct client_script **)arena_alloc(&r->batch->arena, sizeof(script) * s->items_count);
        scripts[found++] = script;
    }
    s->call.scripts = scripts;
    s->call.scripts_count = found;
}

static void ship(struct run *r, struct shipment *s)
{
    bool is_only_one = r->shipments == s && !s->next;
    s->replies.limit_bytes = SIZE_MAX;
    s->call.request = gather_request(r, s);
    s->call.replies = is_only_one ? &r->batch->replies : &s->replies;
    s->call.until_us = r->until_us;
    s->replies_at = r->batch->replies.len;
    s->call.replies_count = s->is_asking ? 1 : 0;
    for (size_t i = 0; i < s->items_count; i++) s->call.replies_count += s->items[i]->replies_count;
    gather_scripts(r, s);
    s->e = pipeline_start(s->node->pipeline, &s->call, &s->error);
}

/* ---------------------------------------------------------------- what came back */

/* The error reply that decides about a unit; empty: there is none. */
static struct slice find_refusal(const struct run *r, const struct client_item *item)
{
    struct slice bytes = slice_of(r->batch->replies.at + item->reply_at, item->reply_len);
    while (bytes.len > 0) {
        struct resp_scan scan = {0};
        if (resp_scan_next(&scan, bytes) != OXQ_OK) break;
        if (bytes.at[0] == '-') return slice_of(bytes.at + 1, scan.used_bytes - 3);
        bytes = slice_from(bytes, scan.used_bytes);
    }
    return SLICE_LIT("");
}

static void note_refusal(struct run *r, struct slice text)
{
    err_set(&r->last, OXQ_ERR_SERVER, "the server answers: %.*s", text.len > 200 ? 200 : (int)text.len, text.at);
}

static void redirect(struct run *r, struct shipment *s, struct client_item *item, struct slice text, bool is_ask)
{
    struct client_redirect to;
    struct client_cluster *k = r->client->cluster;
    if (!k) {
        err_set(&r->fatal, OXQ_ERR_CONFIG, "the server %s is a node of a cluster: its URL is redis+cluster://host:port",
                r->client->name);
    } else if (!client_redirect_read(text, &to)) {
        item->state = ITEM_ANSWERED;
    } else {
        struct client_node *node = client_cluster_redirect(k, s->node, &to, is_ask);
        /* A transaction cannot be asked for: it waits until the slot has moved. */
        if (is_ask && is_transaction(r))
            r->pause_us = INT64_MAX;
        else if (is_ask)
            item->asked = node;
    }
}

static void judge_reply(struct run *r, struct shipment *s, struct client_item *item)
{
    struct slice text = find_refusal(r, item);
    switch (text.len > 0 ? client_refusal_of(text) : CLIENT_REFUSAL_FINAL) {
    case CLIENT_REFUSAL_FINAL:
    case CLIENT_REFUSAL_LOGIN: item->state = ITEM_ANSWERED; return;
    case CLIENT_REFUSAL_NO_SCRIPT:
        item->script_attempts++;
        if (!item->script || item->script_attempts == SCRIPT_ATTEMPTS_MAX) item->state = ITEM_ANSWERED;
        pipeline_forget_scripts(s->node->pipeline);
        break;
    case CLIENT_REFUSAL_READONLY:
        pipeline_reconnect(s->node->pipeline, &s->call);
        r->pause_us = INT64_MAX;
        break;
    case CLIENT_REFUSAL_FULL:
    case CLIENT_REFUSAL_LATER: r->pause_us = INT64_MAX; break;
    case CLIENT_REFUSAL_MOVED: redirect(r, s, item, text, false); break;
    case CLIENT_REFUSAL_ASK: redirect(r, s, item, text, true); break;
    }
    note_refusal(r, text);
}

static void read_replies(struct run *r, struct shipment *s)
{
    size_t at = s->replies_at;
    if (s->is_asking) {
        struct resp_scan scan = {0};
        if (resp_scan_next(&scan, slice_from(buf_borrow(&r->batch->replies), at)) != OXQ_OK) return;
        at += scan.used_bytes;
    }
    for (size_t i = 0; i < s->items_count; i++) {
        struct client_item *item = s->items[i];
        size_t len = 0;
        for (size_t k = 0; k < item->replies_count; k++) {
            struct resp_scan scan = {0};
            if (resp_scan_next(&scan, slice_from(buf_borrow(&r->batch->replies), at + len)) != OXQ_OK) return;
            len += scan.used_bytes;
        }
        item->reply_at = at;
        item->reply_len = len;
        at += len;
        judge_reply(r, s, item);
    }
}

/* What an error means for the units that it left without a reply. */
static void judge_error(struct run *r, struct shipment *s)
{
    bool has_lost = false;
    if (s->e == OXQ_ERR_UNREACHABLE) {
        r->last = s->error;
        int64_t retry_at_us;
        int failures = pipeline_failures(s->node->pipeline, &retry_at_us);
        if (r->client->opts.patience == CLIENT_FAIL_FAST && failures >= r->client->opts.attempts) r->fatal = s->error;
        if (retry_at_us > r->pause_us) r->pause_us = retry_at_us;
        client_note_missing(r->client);
        return;
    }
    for (size_t i = 0; i < s->items_count; i++) {
        struct client_item *item = s->items[i];
        if (item->state != ITEM_WAITING || item->reply_len > 0) continue;
        if (s->e == OXQ_ERR_UNCERTAIN && item->is_idempotent) continue;
        item->state = ITEM_LOST;
        has_lost = has_lost || !item->is_idempotent;
    }
    r->last = s->error;
    if (s->e == OXQ_ERR_UNCERTAIN && !has_lost) return;
    r->fatal = s->error;
    if (s->e == OXQ_ERR_TIMEOUT && has_lost)
        err_set(&r->fatal, OXQ_ERR_UNCERTAIN, "%.180s: it is not known whether the command was done", s->error.text);
}

static void collect(struct run *r, struct shipment *s)
{
    oxq_err e = OXQ_OK;
    if (s->call.replies == &s->replies) {
        s->replies_at = r->batch->replies.len;
        e = buf_append(&r->batch->replies, buf_borrow(&s->replies));
        buf_deinit(&s->replies);
    }
    if (e) err_set(&r->fatal, e, "no memory for the replies");
    if (!e) read_replies(r, s);
    if (s->e) judge_error(r, s);
}

/* ---------------------------------------------------------------- a run */

static void run_round(struct run *r)
{
    r->pause_us = 0;
    oxq_err e = sort_by_node(r, &r->last);
    bool is_passing = client_is_passing(e) &&
                      (r->client->opts.patience == CLIENT_PATIENT || r->route_failures++ < r->client->opts.attempts);
    if (e && !is_passing) r->fatal = r->last;
    if (e) {
        r->pause_us = INT64_MAX;
        return;
    }
    for (struct shipment *s = r->shipments; s; s = s->next) ship(r, s);
    for (struct shipment *s = r->shipments; s; s = s->next) {
        if (!s->e) s->e = pipeline_finish(s->node->pipeline, &s->call, &s->error);
    }
    for (struct shipment *s = r->shipments; s; s = s->next) collect(r, s);
}

static bool is_done(const struct run *r)
{
    for (size_t i = 0; i < r->units_count; i++) {
        if (r->units[i].state == ITEM_WAITING) return false;
    }
    return true;
}

/* The time is over, or will be before another try: what the server said last is the answer. */
static oxq_err settle_for_refusals(struct run *r, struct oxq_error *err)
{
    bool is_answered = true;
    for (size_t i = 0; i < r->units_count; i++) {
        struct client_item *item = &r->units[i];
        if (item->state == ITEM_WAITING && item->reply_len > 0) item->state = ITEM_ANSWERED;
        is_answered = is_answered && item->state == ITEM_ANSWERED;
    }
    return is_answered ? OXQ_OK : err_set(err, r->last.code, "%s", r->last.text);
}

/* Before the next round. AGAIN: go on. */
static oxq_err prepare_next(struct run *r, struct oxq_error *err)
{
    if (r->fatal.code) return err_set(err, r->fatal.code, "%s", r->fatal.text);
    if (is_done(r)) return OXQ_OK;
    r->rounds++;
    if (r->pause_us == INT64_MAX || r->rounds > QUICK_ROUNDS) {
        int64_t refused_until_us = client_retry_at(r->client, ++r->refusals);
        if (r->pause_us == INT64_MAX || r->pause_us < refused_until_us) r->pause_us = refused_until_us;
    }
    struct client_cancel cancel = cancel_of(r->client);
    if (r->pause_us >= r->until_us || clock_mono_us(os_clock()) >= r->until_us) return settle_for_refusals(r, err);
    if (r->pause_us == 0 || client_pause(r->client, r->pause_us, &cancel)) return OXQ_ERR_AGAIN;
    return err_set(err, OXQ_ERR_CANCELLED, "the client was cancelled");
}

static bool is_first_call(const struct client_batch *b, size_t i)
{
    for (size_t before = 0; before < i; before++) {
        if (b->items[before].script == b->items[i].script) return false;
    }
    return b->items[i].script != NULL;
}

/* The command as it is, but a script by its text: "*n", then EVALSHA and the sha, then the rest. */
static oxq_err append_with_text(struct client_batch *b, const struct client_item *item)
{
    size_t head = (size_t)((const char *)memchr(b->request.at + item->at, '\n', item->len) - b->request.at) + 1;
    size_t rest = head + sizeof("$7\r\nEVALSHA\r\n$40\r\n") - 1 + sizeof(item->script->sha) - 1 + 2;
    size_t end = item->at + item->len;
    oxq_err e = buf_append(&b->request, slice_of(b->request.at + item->at, head - item->at));
    if (!e) e = resp_request_word(&b->request, SLICE_LIT("EVAL"));
    if (!e) e = resp_request_word(&b->request, item->script->text);
    if (!e) e = buf_append(&b->request, slice_of(b->request.at + rest, end - rest));
    return e;
}

/* What make_unit adds at most; appending from the buffer itself must not move it. */
static size_t unit_bytes(const struct client_batch *b)
{
    size_t bytes = b->request.len + 64;
    for (size_t i = 0; i < b->count; i++) {
        if (is_first_call(b, i)) bytes += b->items[i].script->text.len + 64;
    }
    return bytes;
}

/* Wraps an atomic batch into one unit behind its items. A script comes with its text: nobody can make the server forget it in between. */
static oxq_err make_unit(struct client_batch *b)
{
    struct client_item *unit = next_item(b);
    *unit = (struct client_item){
        .at = b->request.len, .slot = CLIENT_SLOT_NONE, .is_idempotent = true, .replies_count = b->count + 2};
    oxq_err e = buf_reserve(&b->request, unit_bytes(b));
    if (!e) e = resp_request_append(&b->request, &SLICE_LIT("MULTI"), 1);
    for (size_t i = 0; i < b->count && !e; i++) {
        const struct client_item *item = &b->items[i];
        if (unit->slot == CLIENT_SLOT_NONE) unit->slot = item->slot;
        unit->is_idempotent = unit->is_idempotent && item->is_idempotent;
        e = is_first_call(b, i) ? append_with_text(b, item)
                                : buf_append(&b->request, slice_of(b->request.at + item->at, item->len));
    }
    if (!e) e = resp_request_append(&b->request, &SLICE_LIT("EXEC"), 1);
    unit->len = b->request.len - unit->at;
    return e;
}

/* ---------------------------------------------------------------- trees */

static void read_value(struct client_batch *b, size_t at, size_t len, struct resp_value *out)
{
    /* It was measured before: what is wrong inside it is told as an error. */
    if (resp_reply_read(slice_of(b->replies.at + at, len), &b->arena, out) == OXQ_OK) return;
    *out = (struct resp_value){.kind = RESP_ERROR, .text = SLICE_LIT("ERR the reply cannot be read")};
}

static void read_values(struct client_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct client_item *item = &b->items[i];
        if (item->state == ITEM_ANSWERED) read_value(b, item->reply_at, item->reply_len, &item->value);
    }
}

/* Of MULTI ... EXEC: the first error says why EXEC did nothing; without one, EXEC's array has the replies. */
static void read_values_of_unit(struct run *r)
{
    struct client_batch *b = r->batch;
    const struct client_item *unit = r->units;
    struct resp_value exec = {.kind = RESP_NULL};
    if (unit->state != ITEM_ANSWERED) return;
    size_t at = unit->reply_at, end = at + unit->reply_len;
    while (at < end) {
        struct resp_scan scan = {0};
        if (resp_scan_next(&scan, slice_of(b->replies.at + at, end - at)) != OXQ_OK) break;
        read_value(b, at, scan.used_bytes, &exec);
        if (exec.kind == RESP_ERROR) break;
        at += scan.used_bytes;
    }
    for (size_t i = 0; i < b->count; i++) {
        bool has_own = exec.kind == RESP_ARRAY && i < exec.count;
        b->items[i].value = has_own ? exec.items[i] : exec;
        b->items[i].state = ITEM_ANSWERED;
    }
}

/* ---------------------------------------------------------------- without a connection */

/* From the first command on, as far as they can be done so: they are done in order. */
static oxq_err visit(struct run *r, struct oxq_error *err)
{
    struct client *c = r->client;
    struct client_batch *b = r->batch;
    if (!c->opts.visit || is_transaction(r)) return OXQ_OK;
    for (size_t i = 0; i < b->count; i++) {
        struct client_item *item = &b->items[i];
        if (!item->script || atomic_load(&c->is_cancelled)) return OXQ_OK;
        size_t at = b->replies.len;
        oxq_err e = c->opts.visit(c->opts.locate_ctx, slice_of(b->request.at + item->at, item->len), &b->replies,
                                  r->until_us, err);
        if (e == OXQ_ERR_AGAIN) return OXQ_OK;
        if (e) return e;
        item->reply_at = at;
        item->reply_len = b->replies.len - at;
        item->state = ITEM_ANSWERED;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- the batch */

static void forget_replies(struct client_batch *b)
{
    b->replies.len = 0;
    arena_reset(&b->arena);
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].state = ITEM_WAITING;
        b->items[i].reply_len = 0;
        b->items[i].script_attempts = 0;
        b->items[i].asked = NULL;
    }
}

static oxq_err run_units(struct run *r, struct oxq_error *err)
{
    oxq_err e = visit(r, err);
    if (!e && !is_done(r)) e = OXQ_ERR_AGAIN;
    while (e == OXQ_ERR_AGAIN) {
        run_round(r);
        e = prepare_next(r, err);
    }
    if (is_transaction(r))
        read_values_of_unit(r);
    else
        read_values(r->batch);
    return e;
}

/* What waits in a transaction takes memory: a server that has none left refuses even reads there. */
static bool lacks_memory(const struct client_batch *b)
{
    const struct slice start = SLICE_LIT("OOM ");
    const struct resp_value *v = client_batch_reply(b, 0);
    return v && v->kind == RESP_ERROR && v->text.len > start.len && memcmp(v->text.at, start.at, start.len) == 0;
}

/* At the node that had the transaction: not each command says which that is. */
static oxq_err run_one_by_one(struct run *r, struct oxq_error *err)
{
    struct client_batch *b = r->batch;
    for (size_t i = 0; i < b->count; i++) b->items[i].slot = r->units->slot;
    forget_replies(b);
    *r = (struct run){
        .client = r->client, .batch = b, .units = b->items, .units_count = b->count, .until_us = r->until_us};
    return run_units(r, err);
}

oxq_err client_batch_run(struct client *c, struct client_batch *b, int64_t timeout_ms, struct oxq_error *err)
{
    if (b->added_error) return client_encode_error(b->added_error, err);
    if (b->count == 0) return OXQ_OK;
    forget_replies(b);
    struct run r = {.client = c, .batch = b, .units = b->items, .units_count = b->count};
    r.until_us = client_until(c, timeout_ms);
    size_t plain_bytes = b->request.len;
    oxq_err e = OXQ_OK;
    if (b->is_atomic || b->is_look) {
        e = make_unit(b);
        r.units = &b->items[b->count];
        r.units_count = 1;
        if (e) err_set(err, e, "no memory for a transaction");
    }
    if (!e) e = run_units(&r, err);
    if (!e && b->is_look && lacks_memory(b)) e = run_one_by_one(&r, err);
    b->request.len = plain_bytes;
    return e;
}

const struct resp_value *client_batch_reply(const struct client_batch *b, size_t i)
{
    CHECK(i < b->count);
    return b->items[i].state == ITEM_ANSWERED ? &b->items[i].value : NULL;
}

void client_batch_reset(struct client_batch *b)
{
    b->is_atomic = b->is_look = false;
    b->count = 0;
    b->request.len = 0;
    b->replies.len = 0;
    b->added_error = OXQ_OK;
    arena_reset(&b->arena);
}

void client_batch_deinit(struct client_batch *b)
{
    mem_free(b->items);
    buf_deinit(&b->request);
    buf_deinit(&b->replies);
    arena_deinit(&b->arena);
    *b = (struct client_batch){0};
}

/* ---------------------------------------------------------------- one call */

oxq_err client_call(struct client *c, const struct client_command *command, int64_t timeout_ms,
                    struct client_reply *out, struct oxq_error *err)
{
    out->value = (struct resp_value){.kind = RESP_NULL};
    client_batch_reset(&out->batch);
    client_batch_add(&out->batch, command);
    oxq_err e = client_batch_run(c, &out->batch, timeout_ms, err);
    if (e) return e;
    out->value = *client_batch_reply(&out->batch, 0);
    return OXQ_OK;
}

void client_reply_deinit(struct client_reply *r)
{
    client_batch_deinit(&r->batch);
    r->value = (struct resp_value){.kind = RESP_NULL};
}
