/* The forms of diagnostics for programs, inside diag_print.c. */
#ifndef RENDER_DIAG_PRINT_H
#define RENDER_DIAG_PRINT_H

#include "render/diag.h"

/* Where the search for a source line stands: diagnostics come in order. */
struct diag_reader {
	const struct diag_source *source; /* may be NULL */
	struct span file, rest; /* `rest` begins at `line` */
	uint32_t line;
	bool is_read;
};

/* The line of a diagnostic, without its end; false when it is not to be had. */
bool diag_read_line(struct diag_reader *reader, const struct diag *diag, struct span *out_line);

const char *diag_severity_name(enum diag_severity severity);

/* An array of objects: severity, file, line, column, object, path, code, message, hint; absent ones are left out. */
void diag_print_json(struct text *out, const struct diag_list *list);
/* SARIF 2.1.0: one run, one rule per code. Columns count UTF-16 code units; where the source cannot be read there are none. */
void diag_print_sarif(struct text *out, const struct diag_list *list, const struct diag_source *source);
/* Workflow commands of GitHub Actions, one line each. */
void diag_print_github(struct text *out, const struct diag_list *list);

#endif
