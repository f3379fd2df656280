/* The forms of diagnostics for programs, inside diag_print.c. */
#ifndef RENDER_DIAG_PRINT_H
#define RENDER_DIAG_PRINT_H

#include "render/diag.h"

const char *diag_severity_name(enum diag_severity severity);

/* An array of objects: severity, file, line, column, object, path, code, message, hint; absent ones are left out. */
void diag_print_json(struct text *out, const struct diag_list *list);
/* SARIF 2.1.0: one run, one rule per code. */
void diag_print_sarif(struct text *out, const struct diag_list *list);
/* Workflow commands of GitHub Actions, one line each. */
void diag_print_github(struct text *out, const struct diag_list *list);

#endif
