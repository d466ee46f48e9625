/* SPDX-License-Identifier: MIT */
/*
 * Effects as bytes: the payload of a journal record is a sequence of them.
 *
 *   effect:  kind and flags  [db]  [shared  suffix length  suffix]  fields of the kind
 *
 * A key is told by how many of its first bytes it shares with the key before it in the same sequence and what follows, and
 * not at all when it is the same; the fields of a BullMQ job that everybody has go by number. Integers are varints, signed
 * ones folded. effect_codec.c has it all.
 */
#ifndef KEYSPACE_EFFECT_CODEC_H
#define KEYSPACE_EFFECT_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "keyspace/effect.h"

/* Places for words by their hash: at most half are taken. */
#define EFFECT_WORD_PLACES 256

/* A writer of sequences into a buffer. */
struct effect_writer {
    struct buf *out; /* borrowed */
    struct buf key;  /* owned: the last key */
    uint32_t db;
    struct slice body;                 /* the last effect's fields, as they stand in `out`: until that changes */
    uint8_t words[EFFECT_WORD_PLACES]; /* number of the word + 1; 0: none */
};
void effect_writer_init(struct effect_writer *w, struct buf *out);
void effect_writer_deinit(struct effect_writer *w);
/* Forgets the effect before: the next sequence starts at the end of `out`, which may be another buffer now. */
void effect_writer_start(struct effect_writer *w);
/* Errors: LIMIT, MEMORY of the buffer; then nothing was added. */
OXQ_MUST_USE oxq_err effect_write(struct effect_writer *w, const struct effect *e);

struct effect_reader {
    struct slice rest;     /* borrowed */
    struct buf key;        /* owned: the last key */
    struct arena scratch;  /* owned: numbers as text, and items, of the last effect */
    struct arena *keep;    /* borrowed; NULL: nothing is kept */
    struct slice kept_key; /* the last key, in keep; nowhere before one was read into it */
    uint32_t db;
};
void effect_reader_init(struct effect_reader *r);
void effect_reader_deinit(struct effect_reader *r);
void effect_reader_start(struct effect_reader *r, struct slice sequence);
/* From now on effects own nothing but what is in `keep`: they are valid as long as that is, and the sequence may go. Equal keys in
 * a row are the same bytes there. Borrowed. */
void effect_reader_keep(struct effect_reader *r, struct arena *keep);
/* The next effect, borrowed until the next call (or kept); *out_has is false at the end. Errors: FORMAT, *out is anything then. Nothing is trusted; that the
 * effect fits the keyspace is keyspace_apply's to say. */
OXQ_MUST_USE oxq_err effect_read(struct effect_reader *r, struct effect *out, bool *out_has);

#endif
