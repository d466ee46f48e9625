/* SPDX-License-Identifier: MIT */
#include "cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

/* A signal handler has nothing but globals; it writes the signal's number, and screen_wait reads it. */
static int signal_pipe[2] = {-1, -1};

static void note(int number)
{
    int saved = errno;
    char byte = (char)number;
    (void)!write(signal_pipe[1], &byte, 1);
    errno = saved;
}

static void watch(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

static void watch_all(void (*resize)(int), void (*end)(int))
{
    watch(SIGWINCH, resize);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) watch(ends[i], end);
}

static void put(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

oxq_err screen_open(struct screen *s, struct oxq_error *err)
{
    *s = (struct screen){.has_keys = isatty(STDIN_FILENO) == 1};
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, OXQ_ERR_IO, "no pipe for signals: %s", strerror(errno));
    watch_all(note, note);
    s->is_raw = s->has_keys && tcgetattr(STDIN_FILENO, &s->before) == 0;
    if (s->is_raw) {
        struct termios raw = s->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        /* Stopped, we would leave the alternate screen behind. */
        raw.c_cc[VSUSP] = _POSIX_VDISABLE;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    }
    put(ENTER);
    return OXQ_OK;
}

void screen_close(struct screen *s)
{
    put(LEAVE);
    if (s->is_raw) tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);
    watch_all(SIG_DFL, SIG_DFL);
    close(signal_pipe[0]);
    close(signal_pipe[1]);
}

void screen_size(size_t *out_rows, size_t *out_columns)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
    *out_rows = size.ws_row > 0 ? size.ws_row : 24;
    *out_columns = size.ws_col > 0 ? size.ws_col : 80;
}

/* Each line takes away what was behind it, the last one what was below. No line feed after it, which would scroll. */
void screen_draw(struct slice frame)
{
    fputs("\033[H", stdout);
    while (frame.len > 0) {
        const char *end = memchr(frame.at, '\n', frame.len);
        size_t len = end ? (size_t)(end - frame.at) : frame.len;
        fwrite(frame.at, 1, len, stdout);
        frame = slice_from(frame, end ? len + 1 : len);
        fputs(frame.len > 0 ? "\033[K\n" : "\033[K\033[J", stdout);
    }
    fflush(stdout);
}

/* ---------------------------------------------------------------- keys */

static int take_signal(void)
{
    char number;
    int key = SCREEN_NONE;
    while (key != SCREEN_END && read(signal_pipe[0], &number, 1) == 1)
        key = number == SIGWINCH ? SCREEN_RESIZE : SCREEN_END;
    return key;
}

/* Arrows are three bytes, ESC [ A or ESC O A; other sequences are passed over. */
static int take_key(struct screen *s)
{
    while (s->pending_at < s->pending_len) {
        char c = s->pending[s->pending_at++];
        size_t left = s->pending_len - s->pending_at;
        if (c != '\033') {
            if ((unsigned char)c >= SCREEN_CHARS && c != 127) return (unsigned char)c;
            continue;
        }
        if (left < 2 || (s->pending[s->pending_at] != '[' && s->pending[s->pending_at] != 'O')) continue;
        char arrow = s->pending[s->pending_at + 1];
        s->pending_at += 2;
        if (arrow == 'A') return SCREEN_UP;
        if (arrow == 'B') return SCREEN_DOWN;
    }
    return SCREEN_NONE;
}

static void read_keys(struct screen *s)
{
    ssize_t n = read(STDIN_FILENO, s->pending, sizeof(s->pending));
    s->pending_at = 0;
    s->pending_len = n > 0 ? (size_t)n : 0;
    /* The terminal has gone, or its end was typed: no keys from there. */
    if (n <= 0) s->has_keys = n < 0 && errno == EINTR;
}

int screen_wait(struct screen *s, int64_t wait_ms)
{
    int key = take_key(s);
    if (key != SCREEN_NONE) return key;
    struct pollfd fds[] = {{.fd = signal_pipe[0], .events = POLLIN},
                           {.fd = s->has_keys ? STDIN_FILENO : -1, .events = POLLIN}};
    int ready = poll(fds, 2, wait_ms < 0 ? 0 : wait_ms > 60000 ? 60000 : (int)wait_ms);
    if (ready <= 0) return SCREEN_NONE;
    if (fds[0].revents) return take_signal();
    read_keys(s);
    return take_key(s);
}
