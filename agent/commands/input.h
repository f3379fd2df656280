/* The declarations named on a command line, read and checked. */
#ifndef AGENT_COMMANDS_INPUT_H
#define AGENT_COMMANDS_INPUT_H

#include "agent/commands/command.h"
#include "render/fleet.h"

struct input {
	struct tree tree;
	struct fleet fleet;
};

/* Reads call->words ("." when there are none). Diagnostics stay in out->fleet.diags. */
bool input_read(struct call *call, struct input *out, struct fail *fail);
/* The same with other options than the usual; the rules and the schema are as the call says. */
bool input_read_with(struct call *call, const struct fleet_options *options, struct input *out, struct fail *fail);

/* Diagnostics as text on standard error with the lines that they are about, and a line that counts them. */
void input_print_diags(struct input *input, bool with_notes);

/* Other diagnostics about the same declarations, in the same form, without a count. NULL: without the lines. */
void input_print_faults(struct input *input, const struct diag_list *faults);

/* input_read; prints everything that is wrong; false when there are errors. */
bool input_read_good(struct call *call, struct input *out);
bool input_read_good_with(struct call *call, const struct fleet_options *options, struct input *out);

/* For diag_print: the bytes of the files of a tree. */
struct diag_source input_source(struct tree *tree);

#endif
