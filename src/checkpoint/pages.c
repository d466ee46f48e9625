/* SPDX-License-Identifier: MIT */
/*
 * What is checked (each is a way in which LMDB would read or write beyond its pages, lose rows or use a page twice):
 *  1. the head: magic, version, page size, flags, transactions that are neighbours; pages that the file lacks are free.
 *  2. each page that can be reached is reached once, is where its number says, and is a branch, leaf or overflow page.
 *  3. lower, upper and the offsets lie in the page; nodes fill it from upper to the end, and their keys and data end in it.
 *  4. keys ascend through all leaves, and lie between the keys of the branches above them.
 *  5. all leaves of a tree are equally deep; the tree's counts of pages and entries are those found.
 *  6. a free page is one that the head tells of, is free once, and cannot be reached.
 * Contents of rows are not looked at; they have checksums (row.c).
 */
#include "checkpoint/pages.h"

#include "base/mem.h"
#include "checkpoint/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_LINE_BYTES 64u
#define FREE_TREE_FLAGS 0x08u /* keys are integers */

/* A file that is being checked. */
struct check {
    const char *path;
    const char *map; /* owned */
    size_t map_bytes;
    struct layout_head head;
    uint64_t *seen; /* owned: a bit for each page */
    struct oxq_error *err;
    const struct pages_reader *reader; /* NULL: the first fault ends the check */
    struct slice table;                /* that is being read */
};

__attribute__((format(printf, 2, 3))) static bool fault(const struct check *c, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    err_set(c->err, OXQ_ERR_FORMAT, "checkpoint file %s is damaged: %s", c->path, text);
    return false;
}

/* ---- the head ---- */

/* After a fault: true when the reader wants to go on around it. */
static bool go_on(const struct check *c)
{
    if (c->reader) c->reader->on_damage(c->reader->ctx, c->err->text);
    return c->reader != NULL;
}

static bool load_head(const struct check *c, const char *page, uint64_t number, struct layout_head *out)
{
    *out = layout_load_head(page);
    if (layout_number(page) != number || layout_flags(page) != LAYOUT_HEAD || out->magic != LAYOUT_MAGIC ||
        out->version != LAYOUT_VERSION)
        return fault(c, "page %d is not a head of version %u", (int)number, LAYOUT_VERSION);
    uint32_t bytes = out->page_bytes;
    if (bytes < LAYOUT_PAGE_BYTES_MIN || bytes > LAYOUT_PAGE_BYTES_MAX || (bytes & (bytes - 1)) != 0)
        return fault(c, "head %d tells pages of %u bytes", (int)number, (unsigned)bytes);
    if (out->free.flags != FREE_TREE_FLAGS || out->main.flags != 0)
        return fault(c, "head %d has unknown flags", (int)number);
    if (out->last_page < 1 || out->last_page >= LAYOUT_PAGES_MAX)
        return fault(c, "head %d tells of %llu pages", (int)number, (unsigned long long)out->last_page + 1);
    return true;
}

/* Both heads; the one that transaction `txn_id` wrote (0: the newer) is c->head then. */
static bool load_heads(struct check *c, uint64_t txn_id)
{
    struct layout_head heads[2] = {{0}};
    if (c->map_bytes < LAYOUT_HEAD_BYTES || !load_head(c, c->map, 0, &heads[0])) {
        if (c->map_bytes < LAYOUT_HEAD_BYTES) fault(c, "it has %zu bytes", c->map_bytes);
        return false;
    }
    if (c->map_bytes < heads[0].page_bytes + LAYOUT_HEAD_BYTES) return fault(c, "it has %zu bytes", c->map_bytes);
    if (!load_head(c, c->map + heads[0].page_bytes, 1, &heads[1])) return false;
    uint64_t a = heads[0].txn_id, b = heads[1].txn_id;
    bool are_neighbours = (a == 0 && b == 0) || (a % 2 == 0 && (b + 1 == a || a + 1 == b));
    if (heads[0].page_bytes != heads[1].page_bytes || !are_neighbours)
        return fault(c, "its heads, of transactions %llu and %llu, do not fit together", (unsigned long long)a,
                     (unsigned long long)b);
    c->head = heads[txn_id ? txn_id % 2 : a < b];
    if (txn_id && c->head.txn_id != txn_id)
        return fault(c, "the head of transaction %llu is not there", (unsigned long long)txn_id);
    return true;
}

/* The newest head that can be used, or the one of txn_id, for reading around damage. */
static bool find_head(struct check *c, uint64_t txn_id)
{
    bool has = false;
    struct layout_head head = {0};
    if (c->map_bytes < LAYOUT_HEAD_BYTES) return fault(c, "it has %zu bytes", c->map_bytes);
    size_t page_bytes = (size_t)layout_load(c->map + LAYOUT_PAGE_HEAD_BYTES + 24, 4);
    /* Where the second head is, when the first does not say: pages of 4 KiB are the usual ones. */
    if (page_bytes < LAYOUT_PAGE_BYTES_MIN || page_bytes > LAYOUT_PAGE_BYTES_MAX ||
        page_bytes + LAYOUT_HEAD_BYTES > c->map_bytes)
        page_bytes = 4096;
    for (uint64_t i = 0; i < 2 && i * page_bytes + LAYOUT_HEAD_BYTES <= c->map_bytes; i++) {
        if (!load_head(c, c->map + i * page_bytes, i, &head)) {
            (void)go_on(c);
            continue;
        }
        if (txn_id ? head.txn_id != txn_id : has && head.txn_id < c->head.txn_id) continue;
        c->head = head;
        has = true;
    }
    return has || fault(c, "no head can be used");
}

/* ---- pages ---- */

/* How many pages the file has. Fewer than the head tells of, when the last ones were taken and given back in one
 * transaction: LMDB never wrote them, and lists them as free. */
static uint64_t file_pages(const struct check *c)
{
    return c->map_bytes / c->head.page_bytes;
}

/* Notes pages as used; false when one is not below `limit` or was used before. */
static bool note_pages(struct check *c, uint64_t first, uint64_t count, uint64_t limit, const char *as)
{
    if (first < 2 || first >= limit || count == 0 || count > limit - first)
        return fault(c, "page %llu, %s, is not in it", (unsigned long long)first, as);
    for (uint64_t p = first; p < first + count; p++) {
        uint64_t bit = UINT64_C(1) << (p % 64);
        if (c->seen[p / 64] & bit) return fault(c, "page %llu, %s, is used twice", (unsigned long long)p, as);
        c->seen[p / 64] |= bit;
    }
    return true;
}

/* Pages that are read. */
static bool use_pages(struct check *c, uint64_t first, uint64_t count, const char *as)
{
    uint64_t pages = file_pages(c);
    return note_pages(c, first, count, pages <= c->head.last_page ? pages : c->head.last_page + 1, as);
}

static const char *page_at(const struct check *c, uint64_t number)
{
    return c->map + number * c->head.page_bytes;
}

/* A page that is in the file. */
static bool check_content(const struct check *c, uint64_t number, unsigned flags)
{
    const char *page = page_at(c, number);
    size_t used = 0;
    if (layout_number(page) != number || layout_flags(page) != flags)
        return fault(c, "page %llu is not what it should be", (unsigned long long)number);
    if (!layout_has_bounds(page, c->head.page_bytes) || (flags == LAYOUT_BRANCH && layout_nodes_count(page) < 2))
        return fault(c, "page %llu: its bounds are not possible", (unsigned long long)number);
    for (uint32_t i = 0; i < layout_nodes_count(page); i++) {
        struct layout_node node;
        size_t bytes;
        if (!layout_load_node(page, c->head.page_bytes, i, &node, &bytes))
            return fault(c, "page %llu: node %u reaches beyond it", (unsigned long long)number, (unsigned)i);
        used += bytes;
    }
    if (used == c->head.page_bytes - layout_load(page + 14, 2)) return true;
    return fault(c, "page %llu: its nodes do not fill it", (unsigned long long)number);
}

static bool check_page(struct check *c, uint64_t number, unsigned flags)
{
    return use_pages(c, number, 1, flags == LAYOUT_LEAF ? "a leaf" : "a branch") && check_content(c, number, flags);
}

/* ---- trees ---- */

struct level {
    uint64_t page;
    uint32_t next; /* node to visit */
};

struct walk {
    struct check *check;
    const struct layout_tree *tree;
    struct layout_tree found; /* counts */
    struct level levels[LAYOUT_DEPTH_MAX];
    uint32_t depth;
    bool has_last, has_bound;
    struct slice last, bound; /* the key before; what the next leaf key may not be below */
};

static int compare_keys(const struct walk *w, struct slice a, struct slice b)
{
    if (w->tree->flags != FREE_TREE_FLAGS) return slice_compare(a, b);
    uint64_t m = layout_load(a.at, 8), n = layout_load(b.at, 8);
    return (m > n) - (m < n);
}

static bool enter(struct walk *w, uint64_t page)
{
    bool is_leaf = w->depth + 1u == w->tree->depth;
    if (!check_page(w->check, page, is_leaf ? LAYOUT_LEAF : LAYOUT_BRANCH)) return false;
    if (is_leaf)
        w->found.leaf_pages++;
    else
        w->found.branch_pages++;
    w->levels[w->depth++] = (struct level){.page = page};
    return true;
}

static bool enter_child(struct walk *w, const struct layout_node *node, bool is_first)
{
    const struct check *c = w->check;
    if (!is_first) {
        if (w->tree->flags == FREE_TREE_FLAGS && node->key.len != 8) return fault(c, "a free list has no number");
        if (!c->reader && w->has_last && compare_keys(w, w->last, node->key) >= 0)
            return fault(c, "page %llu: keys do not ascend", (unsigned long long)w->levels[w->depth - 1].page);
        w->bound = node->key;
        w->has_bound = true;
    }
    return enter(w, node->child);
}

/* There may be more pages than the row needs now: LMDB leaves them there when one transaction writes it twice, shorter at last. */
static bool visit_overflow(struct walk *w, const struct layout_node *node)
{
    struct check *c = w->check;
    uint64_t first = layout_load(node->data.at, 8);
    uint64_t needed = layout_overflow_pages(node->data_bytes, c->head.page_bytes);
    if (!use_pages(c, first, 1, "of a long row")) return false;
    const char *page = page_at(c, first);
    uint64_t count = layout_load(page + 12, 4);
    if (layout_number(page) != first || layout_flags(page) != LAYOUT_OVERFLOW || count < needed)
        return fault(c, "page %llu is not that of a long row", (unsigned long long)first);
    w->found.overflow_pages += count;
    return count == 1 || use_pages(c, first + 1, count - 1, "of a long row");
}

static bool visit_leaf_node(struct walk *w, const struct layout_node *node)
{
    const struct check *c = w->check;
    uint64_t page = w->levels[w->depth - 1].page;
    if (node->key.len == 0 || (w->tree->flags == FREE_TREE_FLAGS && node->key.len != 8))
        return fault(c, "page %llu: a key of %zu bytes", (unsigned long long)page, node->key.len);
    /* A reader that goes on has the checksums of rows, which are over their keys too. */
    if (!c->reader && ((w->has_last && compare_keys(w, w->last, node->key) >= 0) ||
                       (w->has_bound && compare_keys(w, w->bound, node->key) > 0)))
        return fault(c, "page %llu: keys do not ascend", (unsigned long long)page);
    if ((node->flags & LAYOUT_TREE) && w->tree != &c->head.main)
        return fault(c, "page %llu: a table within a table", (unsigned long long)page);
    w->last = node->key;
    w->has_last = true;
    w->has_bound = false;
    w->found.entries++;
    return !(node->flags & LAYOUT_BIG) || visit_overflow(w, node);
}

static bool compare_counts(const struct walk *w)
{
    const struct layout_tree *t = w->tree, *f = &w->found;
    if (t->entries == f->entries && t->leaf_pages == f->leaf_pages && t->branch_pages == f->branch_pages &&
        t->overflow_pages == f->overflow_pages)
        return true;
    return fault(w->check, "%llu rows are there, it tells of %llu", (unsigned long long)f->entries,
                 (unsigned long long)t->entries);
}

/*
 * Asks for the leaf that comes after the one that is entered: rows lie in it in the order they came in, so the processor does not
 * guess where to read next. Its number was not checked yet.
 */
static void prefetch_leaf(const struct walk *w, const char *branch, uint32_t index)
{
    const struct check *c = w->check;
    struct layout_node node;
    if (index >= layout_nodes_count(branch) || !layout_load_node(branch, c->head.page_bytes, index, &node, NULL) ||
        node.child >= file_pages(c))
        return;
    const char *leaf = page_at(c, node.child);
    for (size_t at = 0; at < c->head.page_bytes; at += CACHE_LINE_BYTES) __builtin_prefetch(leaf + at);
}

typedef bool node_fn(struct check *c, const struct layout_node *node);

/* The next step of a walk that is not at its end. */
static bool step(struct walk *w, node_fn *fn)
{
    struct check *c = w->check;
    struct level *level = &w->levels[w->depth - 1];
    struct layout_node node;
    const char *page = page_at(c, level->page);
    uint32_t index = level->next++;
    if (!layout_load_node(page, c->head.page_bytes, index, &node, NULL)) return false;
    if (w->depth < w->tree->depth) {
        if (w->depth + 1u == w->tree->depth) prefetch_leaf(w, page, index + 1);
        return enter_child(w, &node, index == 0);
    }
    return visit_leaf_node(w, &node) && (!fn || fn(c, &node));
}

static bool begin_walk(struct walk *w, struct check *c, const struct layout_tree *t)
{
    *w = (struct walk){.check = c, .tree = t};
    if (t->depth > LAYOUT_DEPTH_MAX || (t->root == LAYOUT_NO_PAGE) != (t->depth == 0))
        return fault(c, "a tree's depth");
    return t->root == LAYOUT_NO_PAGE || enter(w, t->root);
}

/* To the next node, or up from a page whose nodes were all visited. */
static bool advance(struct walk *w, node_fn *fn)
{
    const struct level *level = &w->levels[w->depth - 1];
    if (level->next < layout_nodes_count(page_at(w->check, level->page))) return step(w, fn);
    w->depth--;
    return true;
}

/* Visits all pages of a tree in order and gives the leaves' nodes to fn, when there is one. */
static bool walk_tree(struct check *c, const struct layout_tree *t, node_fn *fn)
{
    struct walk w;
    if (!begin_walk(&w, c, t)) return go_on(c);
    while (w.depth > 0) {
        if (!advance(&w, fn) && !go_on(c)) return false;
    }
    return compare_counts(&w);
}

static struct slice data_of(const struct check *c, const struct layout_node *node)
{
    if (!(node->flags & LAYOUT_BIG)) return node->data;
    return slice_of(page_at(c, layout_load(node->data.at, 8)) + LAYOUT_PAGE_HEAD_BYTES, (size_t)node->data_bytes);
}

static bool visit_row(struct check *c, const struct layout_node *node)
{
    c->reader->on_row(c->reader->ctx, c->table, node->key, data_of(c, node));
    return true;
}

static bool load_table(const struct check *c, const struct layout_node *node, struct layout_tree *out)
{
    if (node->flags != LAYOUT_TREE || node->data.len != LAYOUT_TREE_BYTES) return fault(c, "the list of tables");
    *out = layout_load_tree(node->data.at);
    return out->flags == 0 || fault(c, "a table has unknown flags");
}

static bool visit_table(struct check *c, const struct layout_node *node)
{
    struct layout_tree tree = {0};
    if (!load_table(c, node, &tree)) return false;
    c->table = node->key;
    if (c->reader) c->reader->on_table(c->reader->ctx, node->key, tree.entries);
    return walk_tree(c, &tree, c->reader ? visit_row : NULL);
}

static bool visit_free_list(struct check *c, const struct layout_node *node)
{
    const char *at = data_of(c, node).at;
    uint64_t room = node->data_bytes / 8, count = room ? layout_load(at, 8) : 0;
    if (node->data_bytes % 8 || room == 0 || count > room - 1) return fault(c, "a list of free pages has no end");
    for (uint64_t i = 1, before = LAYOUT_NO_PAGE; i <= count; i++) {
        uint64_t page = layout_load(at + 8 * i, 8);
        if (page >= before) return fault(c, "a list of free pages does not fall");
        if (!note_pages(c, page, 1, c->head.last_page + 1, "a free one")) return false;
        before = page;
    }
    return true;
}

/* ---- the file ---- */

static oxq_err open_file(struct check *c, int *out_fd)
{
    struct stat stat;
    *out_fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (*out_fd < 0 && errno == ENOENT) return OXQ_OK;
    if (*out_fd < 0 || fstat(*out_fd, &stat) < 0)
        return err_set(c->err, errno == EACCES ? OXQ_ERR_PERMISSION : OXQ_ERR_IO, "%s: %s", c->path, strerror(errno));
    c->map_bytes = (size_t)stat.st_size;
    if (c->map_bytes == 0) return OXQ_OK;
    void *map = mmap(NULL, c->map_bytes, PROT_READ, MAP_SHARED, *out_fd, 0);
    if (map == MAP_FAILED) return err_set(c->err, OXQ_ERR_IO, "map %s: %s", c->path, strerror(errno));
    c->map = map;
    return OXQ_OK;
}

static oxq_err name_file(const char *folder, char path[PATH_MAX], struct oxq_error *err)
{
    if (snprintf(path, PATH_MAX, "%s/data.mdb", folder) < PATH_MAX) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "the path %s is too long", folder);
}

static oxq_err check_file(const char *folder, struct oxq_error *err, bool (*fn)(struct check *c, void *ctx), void *ctx)
{
    char path[PATH_MAX];
    struct oxq_error text;
    struct check c = {.path = path, .err = err ? err : &text};
    int fd;
    oxq_err e = name_file(folder, path, err);
    if (e) return e;
    e = open_file(&c, &fd);
    /* It is moved to its place when it is whole: one without a byte has been cut. */
    if (!e && fd >= 0 && !c.map && !fault(&c, "it has 0 bytes")) e = OXQ_ERR_FORMAT;
    if (!e && c.map && !fn(&c, ctx)) e = OXQ_ERR_FORMAT;
    if (c.map) munmap((void *)(uintptr_t)c.map, c.map_bytes);
    if (fd >= 0) close(fd);
    return e;
}

static bool check_heads(struct check *c, void *ctx)
{
    (void)ctx;
    return load_heads(c, 0);
}

oxq_err pages_check_head(const char *folder, struct oxq_error *err)
{
    return check_file(folder, err, check_heads, NULL);
}

struct check_trees {
    uint64_t txn_id;
    struct pages_summary *out;
};

static uint64_t count_seen(const struct check *c)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i <= c->head.last_page / 64; i++) count += (unsigned)__builtin_popcountll(c->seen[i]);
    return count;
}

/* Are the pages beyond the file's end free ones? */
static bool check_missing(const struct check *c)
{
    for (uint64_t p = file_pages(c); p <= c->head.last_page; p++)
        if (!(c->seen[p / 64] >> p % 64 & 1))
            return fault(c, "it has %zu bytes, its head tells of %llu pages", c->map_bytes,
                         (unsigned long long)c->head.last_page + 1);
    return true;
}

static void make_seen(struct check *c)
{
    c->seen = mem_alloc_zero((size_t)(c->head.last_page / 64 + 1) * sizeof(*c->seen));
}

static bool check_trees(struct check *c, void *ctx)
{
    const struct check_trees *what = ctx;
    if (!load_heads(c, what->txn_id)) return false;
    make_seen(c);
    bool is_good = walk_tree(c, &c->head.main, visit_table);
    uint64_t used = count_seen(c);
    is_good = is_good && walk_tree(c, &c->head.free, visit_free_list) && check_missing(c);
    if (is_good && what->out)
        *what->out =
            (struct pages_summary){c->head.last_page + 1, count_seen(c) - used - c->head.free.leaf_pages -
                                                              c->head.free.branch_pages - c->head.free.overflow_pages};
    mem_free(c->seen);
    return is_good;
}

oxq_err pages_check(const char *folder, uint64_t txn_id, struct pages_summary *out, struct oxq_error *err)
{
    struct check_trees what = {txn_id, out};
    return check_file(folder, err, check_trees, &what);
}

struct read_rows {
    uint64_t txn_id;
    const struct pages_reader *reader;
};

static bool read_rows(struct check *c, void *ctx)
{
    const struct read_rows *what = ctx;
    c->reader = what->reader;
    if (!find_head(c, what->txn_id)) return false;
    make_seen(c);
    if (!walk_tree(c, &c->head.main, visit_table)) (void)go_on(c);
    mem_free(c->seen);
    return true;
}

oxq_err pages_read(const char *folder, uint64_t txn_id, const struct pages_reader *reader, struct oxq_error *err)
{
    struct read_rows what = {txn_id, reader};
    return check_file(folder, err, read_rows, &what);
}

/* ---- the walk in steps ---- */

/* Pages without a row that one call of pages_walk_next checks, or nodes of them. */
#define STEPS_MAX 256

/* In this order. Free pages come before the rows, so that what is both is found in any case. */
enum walk_stage { WALK_LATER, WALK_FREE, WALK_ROWS, WALK_END };

struct pages_walk {
    struct check check; /* comes first: visitors find the walk by it */
    char path[PATH_MAX];
    int fd; /* owned */
    struct oxq_error error;
    const struct pages_long_tables *tables; /* borrowed while it is opened */
    struct layout_tree trees[WALK_END];
    enum walk_stage stage;
    bool is_in_tree;
    struct walk walk;
    bool has_row;
    struct slice key, bytes; /* of the row */
};

static bool is_named(struct slice name, const char *text)
{
    return slice_equal(name, slice_from_text(text));
}

static bool open_table(struct check *c, const struct layout_node *node)
{
    struct pages_walk *w = (struct pages_walk *)c;
    struct layout_tree tree;
    if (!load_table(c, node, &tree)) return false;
    if (is_named(node->key, w->tables->later))
        w->trees[WALK_LATER] = tree;
    else if (is_named(node->key, w->tables->rows))
        w->trees[WALK_ROWS] = tree;
    else
        return walk_tree(c, &tree, NULL);
    return true;
}

static bool open_walk(struct pages_walk *w, uint64_t txn_id)
{
    struct check *c = &w->check;
    if (!load_heads(c, txn_id)) return false;
    make_seen(c);
    w->trees[WALK_LATER] = w->trees[WALK_ROWS] = (struct layout_tree){.root = LAYOUT_NO_PAGE};
    w->trees[WALK_FREE] = c->head.free;
    w->stage = WALK_LATER;
    return walk_tree(c, &c->head.main, open_table);
}

oxq_err pages_walk_open(const char *folder, uint64_t txn_id, const struct pages_long_tables *tables,
                        struct pages_walk **out, struct oxq_error *err)
{
    struct pages_walk *w = mem_alloc_zero(sizeof(*w));
    w->check = (struct check){.path = w->path, .err = &w->error};
    w->fd = -1;
    w->tables = tables;
    w->stage = WALK_END;
    oxq_err e = name_file(folder, w->path, &w->error);
    if (!e) e = open_file(&w->check, &w->fd);
    if (!e && w->check.map && !open_walk(w, txn_id)) e = OXQ_ERR_FORMAT;
    w->tables = NULL;
    if (e) {
        if (err) *err = w->error;
        pages_walk_close(w);
        return e;
    }
    *out = w;
    return OXQ_OK;
}

void pages_walk_close(struct pages_walk *w)
{
    if (!w) return;
    if (w->check.map) munmap((void *)(uintptr_t)w->check.map, w->check.map_bytes);
    if (w->fd >= 0) close(w->fd);
    mem_free(w->check.seen);
    mem_free(w);
}

/* The key at one end of a tree whose pages were not checked yet: each is looked at before it is read. */
static bool find_end(const struct check *c, const struct layout_tree *t, bool is_last, struct slice *out)
{
    uint64_t page = t->root;
    for (uint32_t depth = 1; depth <= t->depth && depth <= LAYOUT_DEPTH_MAX; depth++) {
        struct layout_node node;
        bool is_leaf = depth == t->depth;
        if (page < 2 || page >= file_pages(c) || !check_content(c, page, is_leaf ? LAYOUT_LEAF : LAYOUT_BRANCH))
            return false;
        const char *at = page_at(c, page);
        if (!layout_load_node(at, c->head.page_bytes, is_last ? layout_nodes_count(at) - 1 : 0, &node, NULL))
            return false;
        *out = node.key;
        page = node.child;
        if (is_leaf) return true;
    }
    return false;
}

bool pages_walk_find_ends(const struct pages_walk *w, struct slice *out_first, struct slice *out_last)
{
    const struct layout_tree *t = &w->trees[WALK_ROWS];
    return w->stage != WALK_END && find_end(&w->check, t, false, out_first) && find_end(&w->check, t, true, out_last);
}

static bool note_row(struct check *c, const struct layout_node *node)
{
    struct pages_walk *w = (struct pages_walk *)c;
    w->has_row = true;
    w->key = node->key;
    w->bytes = data_of(c, node);
    return true;
}

/* One step in the tree of the stage, or to the next stage. */
static bool step_stage(struct pages_walk *w)
{
    static node_fn *const visitors[WALK_END] = {[WALK_FREE] = visit_free_list, [WALK_ROWS] = note_row};
    if (!w->is_in_tree) {
        w->is_in_tree = true;
        return begin_walk(&w->walk, &w->check, &w->trees[w->stage]);
    }
    if (w->walk.depth > 0) return advance(&w->walk, visitors[w->stage]);
    if (!compare_counts(&w->walk)) return false;
    w->is_in_tree = false;
    w->stage++;
    return w->stage < WALK_END || check_missing(&w->check);
}

oxq_err pages_walk_next(struct pages_walk *w, enum pages_step *out, struct slice *out_key, struct slice *out_bytes,
                        struct oxq_error *err)
{
    w->has_row = false;
    for (int i = 0; i < STEPS_MAX && !w->has_row && w->stage < WALK_END; i++) {
        if (step_stage(w)) continue;
        w->stage = WALK_END;
        if (err) *err = w->error;
        return OXQ_ERR_FORMAT;
    }
    *out = w->has_row ? PAGES_ROW : w->stage == WALK_END ? PAGES_END : PAGES_CHECKED;
    if (!w->has_row) return OXQ_OK;
    *out_key = w->key;
    *out_bytes = w->bytes;
    return OXQ_OK;
}
