/* SPDX-License-Identifier: MIT */
/*
 * Errors of oxq: one table of names, numbers, classes and texts.
 *
 * A function that can fail returns `oxq_err` (0 = OXQ_OK) and, where the caller passes one, fills a `struct oxq_error`
 * with a text that says what went wrong and where. The caller owns that struct; it is never written on success.
 */
#ifndef OXQ_ERROR_H
#define OXQ_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define OXQ_MUST_USE __attribute__((warn_unused_result))
#define OXQ_PRINTF(text_at, args_at) __attribute__((format(printf, text_at, args_at)))
#else
#define OXQ_MUST_USE
#define OXQ_PRINTF(text_at, args_at)
#endif

/* What a caller may do about an error: try again later, give this request up, or give the object up. */
typedef enum oxq_err_class { OXQ_CLASS_NONE, OXQ_CLASS_RETRY, OXQ_CLASS_FINAL, OXQ_CLASS_FATAL } oxq_err_class;

/* X(name, number, class, text). Numbers are part of the ABI: never change or reuse one. */
#define OXQ_ERR_TABLE(X)                                                                                               \
    X(OK, 0, NONE, "no error")                                                                                         \
    X(MEMORY, 1, RETRY, "not enough memory")                                                                           \
    X(LIMIT, 2, FINAL, "a limit was reached")                                                                          \
    X(ARGUMENT, 3, FINAL, "an argument is not valid")                                                                  \
    X(FORMAT, 4, FINAL, "the bytes are not of the expected form")                                                      \
    X(TYPE, 5, FINAL, "the value is of another type")                                                                  \
    X(NOT_FOUND, 6, FINAL, "no such thing")                                                                            \
    X(EXISTS, 7, FINAL, "it exists already")                                                                           \
    X(IO, 8, FATAL, "input or output failed")                                                                          \
    X(ADDRESS_IN_USE, 9, FINAL, "the address is in use")                                                               \
    X(PERMISSION, 10, FINAL, "permission denied")                                                                      \
    X(CLOSED, 11, RETRY, "the other side closed the connection")                                                       \
    X(TIMEOUT, 12, RETRY, "the time ran out")                                                                          \
    X(TLS, 13, FINAL, "TLS failed")                                                                                    \
    X(CONFIG, 14, FINAL, "the configuration is not valid")                                                             \
    X(AGAIN, 15, RETRY, "not now, try again")                                                                          \
    X(SERVER, 16, FINAL, "the server answered with an error")                                                          \
    X(CANCELLED, 17, FINAL, "it was cancelled")                                                                        \
    X(UNREACHABLE, 18, RETRY, "the server is not there")                                                               \
    X(UNCERTAIN, 19, FINAL, "the answer was lost: it is not known whether it was done")                                \
    X(STATE, 20, FINAL, "not in the state that is needed")                                                             \
    X(LOCK_LOST, 21, FINAL, "the job's lock is lost")                                                                  \
    X(NEWER, 22, FINAL, "a newer version of oxq wrote it")

typedef enum oxq_err {
#define OXQ_ERR_ENUM(name, number, class, text) OXQ_ERR_##name = number,
    OXQ_ERR_TABLE(OXQ_ERR_ENUM)
#undef OXQ_ERR_ENUM
} oxq_err;

#define OXQ_OK OXQ_ERR_OK

/* An error with its text. `text` is NUL-terminated and complete: it names the thing and the place. */
struct oxq_error {
    oxq_err code;
    char text[256];
};

/* The constant's name without its prefix ("NOT_FOUND"); "UNKNOWN" for a number outside the table. Static storage. */
const char *oxq_err_name(oxq_err code);
/* The general text of a code. Static storage. */
const char *oxq_err_text(oxq_err code);
/* What a caller may do about it. */
oxq_err_class oxq_err_classify(oxq_err code);

#ifdef __cplusplus
}
#endif
#endif
