/* SPDX-License-Identifier: MIT */
/* Whatever oxq.yaml holds, it is read or refused with a text, and what was set can be printed. */
#include "daemon/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct config config;
    struct oxq_error error = {0};
    char text[CONFIG_TEXT_MAX];
    config_init(&config);
    oxq_err e = options_read_yaml(&config, "oxq.yaml", slice_of(data, len), &error);
    CHECK((e == OXQ_OK) == (error.text[0] == '\0'));
    for (size_t row = 0; row < config_rows_count(); row++) config_row_text(&config, row, text, sizeof(text));
    config_deinit(&config);
    return 0;
}
