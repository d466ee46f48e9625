/* SPDX-License-Identifier: MIT */
/* Flows as they are added, and children of a job as they are read, on a folder of the test's own. */
#include "api/testkit.h"

TestSuite(tree, .init = testkit_start, .fini = testkit_stop);

static void add_many_children(const char *parent, int count)
{
    struct oxq_job_opts child = {.parent_queue = "mail", .parent_id = parent};
    oxq_batch *batch;
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < count; i++) OK(oxq_batch_add(batch, queue, "x", NULL, &child, &err));
    OK(oxq_batch_run(batch, &err));
    oxq_batch_free(batch);
}

Test(tree, each_node_is_told_its_id)
{
    char ids[5][OXQ_ID_MAX] = {{0}}, root[OXQ_ID_MAX];
    struct oxq_job_opts mine = {.job_id = "mine"};
    struct oxq_flow_node line = {.queue = "ink", .name = "line", .out_id = ids[3]};
    struct oxq_flow_node parts[] = {
        {.queue = "pdf", .name = "chapter", .out_id = ids[1], .children = &line, .children_count = 1},
        {.queue = "pdf", .name = "index"},
        {.queue = "pdf", .name = "cover", .out_id = ids[2], .opts = &mine},
    };
    struct oxq_flow_node books[] = {
        {.queue = "mail", .name = "book", .out_id = ids[0], .children = parts, .children_count = 3},
        {.queue = "mail", .name = "leaf", .out_id = ids[4]},
    };
    oxq_flow *flow;
    OK(oxq_flow_add_many(store, books, 2, NULL, &err));
    cr_assert_str_eq(ids[2], "mine");
    OK(oxq_flow_get(queue, ids[0], 0, 0, &flow, &err));
    cr_assert_str_eq(oxq_flow_job(flow)->name, "book");
    for (size_t i = 0; i < 3; i++) {
        const oxq_flow *part = oxq_flow_child(flow, i);
        if (strcmp(oxq_flow_job(part)->name, "chapter") != 0) continue;
        cr_assert_str_eq(oxq_flow_job(part)->id, ids[1]);
        cr_assert_str_eq(oxq_flow_job(oxq_flow_child(part, 0))->id, ids[3]);
    }
    oxq_flow_free(flow);
    cr_assert_eq(testkit_state(queue, ids[4]), OXQ_STATE_WAITING);
    OK(oxq_flow_add(store, &books[1], root, &err));
    cr_assert_str_eq(ids[4], root);
}

Test(tree, a_node_may_be_under_another_prefix)
{
    char url[TESTFOLDER_PATH_MAX + 32], id[OXQ_ID_MAX], parent[OXQ_ID_MAX];
    oxq *other;
    oxq_queue *prints;
    oxq_job *job;
    struct oxq_flow_node page = {.queue = "print", .name = "page", .prefix = "tenant:a", .out_id = id};
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .out_id = parent, .children = &page, .children_count = 1};
    OK(oxq_flow_add(store, &book, NULL, &err));
    snprintf(url, sizeof(url), "file:%s/data?durability=off", testkit_folder);
    OK(oxq_open(url, &(struct oxq_opts){.prefix = "tenant:a"}, &other, &err));
    OK(oxq_queue_open(other, "print", NULL, &prints, &err));
    OK(oxq_queue_get(prints, id, &job, &err));
    char key[OXQ_ID_MAX + 16];
    snprintf(key, sizeof(key), "bull:mail:%s", parent);
    cr_assert_str_eq(oxq_job_fields(job)->parent_key, key);
    oxq_job_free(job);
    OK(oxq_queue_remove(prints, id, false, &err));
    cr_assert_eq(testkit_state(queue, parent), OXQ_STATE_WAITING);
    oxq_queue_close(prints);
    oxq_close(other);
    page.prefix = "\xff";
    cr_assert_eq(oxq_flow_add(store, &book, NULL, &err), OXQ_ERR_ARGUMENT);
}

Test(tree, a_flow_becomes_a_child_of_a_job_that_is_there)
{
    struct oxq_job_opts shelf = {.job_id = "shelf"},
                        held = {.job_id = "held", .parent_queue = "mail", .parent_id = "shelf"};
    struct oxq_flow_node page = {.queue = "mail", .name = "page"};
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .opts = &held, .children = &page, .children_count = 1};
    cr_assert_eq(oxq_flow_add(store, &book, NULL, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 0);
    OK(oxq_queue_add(queue, "x", NULL, &shelf, NULL, &err));
    OK(oxq_flow_add(store, &book, NULL, &err));
    struct oxq_dependency_counts counts;
    OK(oxq_queue_dependency_counts(queue, "shelf", &counts, &err));
    cr_assert_eq(counts.unprocessed, 1);
}

Test(tree, a_tree_is_read_without_data)
{
    oxq_flow *flow;
    struct oxq_job_opts book = {.job_id = "book"}, page_opts = {.attempts = 3};
    struct oxq_flow_node page = {.queue = "mail", .name = "page", .data = "{\"n\":7}", .opts = &page_opts};
    struct oxq_flow_node root = {
        .queue = "mail", .name = "book", .data = "[1]", .opts = &book, .children = &page, .children_count = 1};
    OK(oxq_flow_add(store, &root, NULL, &err));
    OK(oxq_flow_get_brief(queue, "book", 0, 0, &flow, &err));
    const struct oxq_job_fields *f = oxq_flow_job(oxq_flow_child(flow, 0));
    cr_assert_str_eq(oxq_flow_job(flow)->data, "{}");
    cr_assert_str_eq(f->data, "{}");
    cr_assert_str_eq(f->name, "page");
    cr_assert_eq(f->attempts_max, 3);
    cr_assert_str_eq(f->parent_key, "bull:mail:book");
    oxq_flow_free(flow);
    cr_assert_eq(oxq_flow_get_brief(queue, "none", 0, 0, &flow, &err), OXQ_ERR_NOT_FOUND);
    OK(oxq_flow_get(queue, "book", 0, 0, &flow, &err));
    cr_assert_str_eq(oxq_flow_job(oxq_flow_child(flow, 0))->data, "{\"n\":7}");
    oxq_flow_free(flow);
}

Test(tree, of_a_large_tree_so_much_is_read)
{
    oxq_flow *flow;
    struct oxq_job_opts book = {.job_id = "book"};
    struct oxq_flow_node page = {.queue = "mail", .name = "page"};
    struct oxq_flow_node root = {
        .queue = "mail", .name = "book", .opts = &book, .children = &page, .children_count = 1};
    OK(oxq_flow_add(store, &root, NULL, &err));
    add_many_children("book", 10050);
    OK(oxq_flow_get(queue, "book", 2, 20000, &flow, &err));
    cr_assert_eq(oxq_flow_children_count(flow), 9999);
    cr_assert(oxq_flow_has_more(flow));
    cr_assert_eq(oxq_flow_state(oxq_flow_child(flow, 9998)), OXQ_STATE_WAITING);
    oxq_flow_free(flow);
}

/* ---------------------------------------------------------------- children */

static oxq_outcome finish(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (strcmp(oxq_job_name(job), "bad") == 0) return oxq_job_fail(job, "no %s", oxq_job_id(job));
    return oxq_job_done(job, "{\"pages\":7}");
}

/* How many there are; the last one is printed: key queue id result failure. */
static size_t walk(oxq_flow_kind kind, char last[256])
{
    oxq_children *children;
    const struct oxq_child *child;
    size_t count = 0;
    OK(oxq_queue_children(queue, "book", kind, &children, &err));
    for (;;) {
        OK(oxq_children_next(children, &child, &err));
        if (!child) break;
        snprintf(last, 256, "%s %s %s %s %s", child->key, child->queue, child->id, child->result ? child->result : "-",
                 child->failure ? child->failure : "-");
        count++;
    }
    OK(oxq_children_next(children, &child, &err));
    cr_assert_null(child);
    oxq_children_free(children);
    return count;
}

Test(tree, children_are_listed_by_kind)
{
    struct oxq_job_opts book_opts = {.job_id = "book"}, good = {.job_id = "good"},
                        dull = {.job_id = "dull", .on_failure = OXQ_CHILD_IS_IGNORED},
                        deadly = {.job_id = "deadly", .on_failure = OXQ_CHILD_FAILS_PARENT},
                        late = {.job_id = "late", .delay_ms = 3600000};
    struct oxq_flow_node parts[] = {{.queue = "pdf", .name = "good", .opts = &good},
                                    {.queue = "pdf", .name = "bad", .opts = &dull},
                                    {.queue = "pdf", .name = "bad", .opts = &deadly},
                                    {.queue = "pdf", .name = "good", .opts = &late}};
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .opts = &book_opts, .children = parts, .children_count = 4};
    char last[256];
    OK(oxq_flow_add(store, &book, NULL, &err));
    testkit_work("pdf", NULL, finish, NULL);
    cr_assert_eq(walk(OXQ_FLOW_PROCESSED, last), 1);
    cr_assert_str_eq(last, "bull:pdf:good pdf good {\"pages\":7} -");
    cr_assert_eq(walk(OXQ_FLOW_UNPROCESSED, last), 1);
    cr_assert_str_eq(last, "bull:pdf:late pdf late - -");
    cr_assert_eq(walk(OXQ_FLOW_FAILED, last), 1);
    cr_assert_str_eq(last, "bull:pdf:deadly pdf deadly - -");
    cr_assert_eq(walk(OXQ_FLOW_IGNORED, last), 1);
    cr_assert_str_eq(last, "bull:pdf:dull pdf dull - no dull");
    oxq_children *none;
    cr_assert_eq(oxq_queue_children(queue, "book", OXQ_FLOW_ROOT, &none, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_queue_children(queue, NULL, OXQ_FLOW_FAILED, &none, &err), OXQ_ERR_ARGUMENT);
}

Test(tree, children_of_many_portions_are_all_listed)
{
    char last[256];
    struct oxq_job_opts book = {.job_id = "book"};
    OK(oxq_queue_add(queue, "x", NULL, &book, NULL, &err));
    add_many_children("book", 5000);
    cr_assert_eq(walk(OXQ_FLOW_UNPROCESSED, last), 5000);
    cr_assert_eq(walk(OXQ_FLOW_PROCESSED, last), 0);
}
