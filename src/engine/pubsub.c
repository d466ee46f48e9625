/* SPDX-License-Identifier: MIT */
/*
 * Pub/sub. A topic (a channel or a pattern) knows its subscribers in the order they came; a client knows its topics.
 *
 * Messages are pushed into the subscribers' buffers at once and leave through the gate with everything else, so that
 * nobody hears of a change before it is as durable as its author was promised.
 */
#include "engine/state.h"

#include "base/mem.h"

struct topic {
    struct map_node node; /* in engine->channels or ->patterns; aux: length of the name */
    struct link subscriptions;
    size_t count;
    char name[];
};

struct subscription {
    struct map_node node; /* in client->channels or ->patterns */
    struct link link;
    struct topic *topic;
    struct engine_client *client;
};

static struct slice name_of_topic(const struct map_node *node)
{
    return slice_of(((const struct topic *)node)->name, node->aux);
}

static struct slice name_of_subscription(const struct map_node *node)
{
    return name_of_topic(&((const struct subscription *)node)->topic->node);
}

void pubsub_init(struct engine *e)
{
    e->channels.key_of = name_of_topic;
    e->patterns.key_of = name_of_topic;
}

void pubsub_deinit(struct engine *e)
{
    map_deinit(&e->channels, NULL, NULL);
    map_deinit(&e->patterns, NULL, NULL);
}

size_t pubsub_count(const struct engine_client *c)
{
    return map_count(&c->channels) + map_count(&c->patterns);
}

/* ---- subscribing ---- */

static struct topic *find_or_make_topic(struct map *topics, struct slice name)
{
    struct topic *t = (struct topic *)map_find(topics, name);
    if (t) return t;
    t = mem_alloc_zero(sizeof(*t) + name.len);
    t->node.aux = (uint32_t)name.len;
    if (name.len) memcpy(t->name, name.at, name.len);
    link_init(&t->subscriptions);
    map_insert(topics, &t->node);
    return t;
}

static void subscribe(struct engine_client *c, struct map *topics, struct map *own, struct slice name)
{
    own->key_of = name_of_subscription;
    if (map_find(own, name)) return;
    struct subscription *s = mem_alloc_zero(sizeof(*s));
    s->client = c;
    s->topic = find_or_make_topic(topics, name);
    s->topic->count++;
    link_push_tail(&s->topic->subscriptions, &s->link);
    map_insert(own, &s->node);
}

static void end_subscription(struct map *topics, struct subscription *s)
{
    struct topic *t = s->topic;
    link_remove(&s->link);
    mem_free(s);
    if (--t->count > 0) return;
    map_unlink(topics, &t->node);
    mem_free(t);
}

static void drop_all(struct map *topics, struct map *own)
{
    struct map_iter it;
    map_iter_begin(&it, own);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        map_unlink(own, node);
        end_subscription(topics, (struct subscription *)node);
    }
    map_iter_end(&it);
    map_deinit(own, NULL, NULL);
}

void pubsub_drop(struct engine_client *c)
{
    drop_all(&c->engine->channels, &c->channels);
    drop_all(&c->engine->patterns, &c->patterns);
}

/* ---- publishing ---- */

/* Pushes go to the writer also while CLIENT REPLY is off: they are no replies. */
static void push_message(const struct topic *t, bool is_pattern, struct slice channel, struct slice message)
{
    for (struct link *link = t->subscriptions.next; link != &t->subscriptions; link = link->next) {
        struct engine_client *c = LINK_OWNER(link, struct subscription, link)->client;
        struct reply *reply = &c->writer.reply;
        engine_limit_output(c);
        reply_push(reply, is_pattern ? 4 : 3);
        reply_bulk(reply, is_pattern ? SLICE_LIT("pmessage") : SLICE_LIT("message"));
        if (is_pattern) reply_bulk(reply, name_of_topic(&t->node));
        reply_bulk(reply, channel);
        reply_bulk(reply, message);
        engine_mark_dirty(c, engine_last_seq(c->engine));
    }
}

int64_t pubsub_publish(struct engine *e, struct slice channel, struct slice message)
{
    int64_t receivers = 0;
    e->stats.published++;
    struct topic *t = (struct topic *)map_find(&e->channels, channel);
    if (t) {
        push_message(t, false, channel, message);
        receivers += (int64_t)t->count;
    }
    if (map_count(&e->patterns) == 0) return receivers;
    struct map_iter it;
    map_iter_begin(&it, &e->patterns);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        t = (struct topic *)node;
        if (!slice_glob(name_of_topic(node), channel, false)) continue;
        push_message(t, true, channel, message);
        receivers += (int64_t)t->count;
    }
    map_iter_end(&it);
    return receivers;
}

/* ---- commands ---- */

static void reply_subscription(struct cmd_ctx *ctx, struct slice verb, const struct slice *name)
{
    reply_push(ctx->reply, 3);
    reply_bulk(ctx->reply, verb);
    if (name)
        reply_bulk(ctx->reply, *name);
    else
        reply_null(ctx->reply);
    reply_integer(ctx->reply, (int64_t)pubsub_count(client_of(ctx)));
}

static void subscribe_all(struct cmd_ctx *ctx, struct map *topics, struct map *own, struct slice verb)
{
    for (int i = 1; i < ctx->argc; i++) {
        subscribe(client_of(ctx), topics, own, ctx->argv[i]);
        reply_subscription(ctx, verb, &ctx->argv[i]);
    }
}

static void cmd_subscribe(struct cmd_ctx *ctx)
{
    subscribe_all(ctx, &engine_of(ctx)->channels, &client_of(ctx)->channels, SLICE_LIT("subscribe"));
}

static void cmd_psubscribe(struct cmd_ctx *ctx)
{
    subscribe_all(ctx, &engine_of(ctx)->patterns, &client_of(ctx)->patterns, SLICE_LIT("psubscribe"));
}

static void unsubscribe_one(struct map *topics, struct map *own, struct slice name)
{
    struct subscription *s = (struct subscription *)map_find(own, name);
    if (!s) return;
    map_unlink(own, &s->node);
    end_subscription(topics, s);
}

static void unsubscribe(struct cmd_ctx *ctx, struct map *topics, struct map *own, struct slice verb)
{
    for (int i = 1; i < ctx->argc; i++) {
        unsubscribe_one(topics, own, ctx->argv[i]);
        reply_subscription(ctx, verb, &ctx->argv[i]);
    }
    if (ctx->argc > 1) return;
    if (map_count(own) == 0) {
        reply_subscription(ctx, verb, NULL);
        return;
    }
    struct map_iter it;
    map_iter_begin(&it, own);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct slice name = arena_copy(ctx->scratch, name_of_subscription(node));
        map_unlink(own, node);
        end_subscription(topics, (struct subscription *)node);
        reply_subscription(ctx, verb, &name);
    }
    map_iter_end(&it);
}

static void cmd_unsubscribe(struct cmd_ctx *ctx)
{
    unsubscribe(ctx, &engine_of(ctx)->channels, &client_of(ctx)->channels, SLICE_LIT("unsubscribe"));
}

static void cmd_punsubscribe(struct cmd_ctx *ctx)
{
    unsubscribe(ctx, &engine_of(ctx)->patterns, &client_of(ctx)->patterns, SLICE_LIT("punsubscribe"));
}

static void cmd_publish(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, pubsub_publish(engine_of(ctx), ctx->argv[1], ctx->argv[2]));
}

static void cmd_pubsub_channels(struct cmd_ctx *ctx)
{
    if (ctx->argc > 3) {
        engine_reply_sub_syntax(ctx);
        return;
    }
    struct map_iter it;
    size_t count = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    map_iter_begin(&it, &engine_of(ctx)->channels);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        if (ctx->argc > 2 && !slice_glob(ctx->argv[2], name_of_topic(node), false)) continue;
        reply_bulk(ctx->reply, name_of_topic(node));
        count++;
    }
    map_iter_end(&it);
    reply_end(ctx->reply, mark, REPLY_ARRAY, count);
}

static void cmd_pubsub_numsub(struct cmd_ctx *ctx)
{
    reply_array(ctx->reply, (size_t)(ctx->argc - 2) * 2);
    for (int i = 2; i < ctx->argc; i++) {
        const struct topic *t = (const struct topic *)map_find(&engine_of(ctx)->channels, ctx->argv[i]);
        reply_bulk(ctx->reply, ctx->argv[i]);
        reply_integer(ctx->reply, t ? (int64_t)t->count : 0);
    }
}

static void cmd_pubsub_numpat(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, (int64_t)map_count(&engine_of(ctx)->patterns));
}

#define SUBSCRIBING (CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const struct command pubsub_subs[] = {
    {.name = "channels",
     .run = cmd_pubsub_channels,
     .arity = -2,
     .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Lists channels with subscribers.",
     .complexity = "O(N) with N the channels",
     .args = "[pattern]"},
    {.name = "numpat",
     .run = cmd_pubsub_numpat,
     .arity = 2,
     .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Counts the patterns subscribed to.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "numsub",
     .run = cmd_pubsub_numsub,
     .arity = -2,
     .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Counts the subscribers of channels.",
     .complexity = "O(N) with N the channels asked for",
     .args = "[channel [channel ...]]"},
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "pubsub",
     .since = "6.2.0",
     .summary = "Tells the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};

const struct command engine_pubsub_rows[] = {
    {.name = "subscribe",
     .run = cmd_subscribe,
     .arity = -2,
     .flags = SUBSCRIBING,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to channels.",
     .complexity = "O(N) with N the channels",
     .args = "channel [channel ...]"},
    {.name = "unsubscribe",
     .run = cmd_unsubscribe,
     .arity = -1,
     .flags = SUBSCRIBING,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Stops listening to channels, or to all.",
     .complexity = "O(N) with N the channels",
     .args = "[channel [channel ...]]"},
    {.name = "psubscribe",
     .run = cmd_psubscribe,
     .arity = -2,
     .flags = SUBSCRIBING,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to all channels that match patterns.",
     .complexity = "O(N) with N the patterns",
     .args = "pattern [pattern ...]"},
    {.name = "punsubscribe",
     .run = cmd_punsubscribe,
     .arity = -1,
     .flags = SUBSCRIBING,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Stops listening to patterns, or to all.",
     .complexity = "O(N) with N the patterns",
     .args = "[pattern [pattern ...]]"},
    {.name = "publish",
     .run = cmd_publish,
     .arity = 3,
     .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_MAY_REPLICATE,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Sends a message to those who listen to a channel.",
     .complexity = "O(N+M) with N the channel's subscribers and M the patterns",
     .args = "channel message"},
    {.name = "pubsub",
     .arity = -2,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Tells about channels and patterns.",
     .complexity = "Depends on the subcommand",
     .subs = pubsub_subs},
    {0},
};
