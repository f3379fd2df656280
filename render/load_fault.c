/* What libyaml found wrong, in words for the author of the file. */
#include <string.h>

#include "render/load_int.h"

void fault_at(struct node *node, struct place place)
{
	node->line = NODE_LINE(place.line);
	node->column = NODE_COLUMN(place.column);
}

bool fault_limit(struct loader *loader, const char *code, const struct node *at, const char *message)
{
	struct diag *diag = diag_error(&loader->at, code, at, NULL, "%s", message);
	diag_hint(&loader->at, diag, "split the file, or write the repeated parts out");
	loader->is_failed = true;
	return false;
}

bool fault_input(struct loader *loader)
{
	const struct input *input = &loader->input;
	struct node here = {0};
	fault_at(&here, input->cut_at);
	bool is_utf16 = strncmp(input->problem, "UTF-16", 6) == 0;
	const char *code = strstr(input->problem, "UTF") != NULL ? "NotUtf8" : "YamlSyntax";
	struct diag *diag;
	if (is_utf16 || input->cut_at.offset >= input->file.len) {
		diag = diag_error(&loader->at, code, &here, NULL, "the file is %s; UTF-8 is wanted", input->problem);
	} else {
		unsigned byte = (unsigned char)input->file.ptr[input->cut_at.offset];
		diag = diag_error(&loader->at, code, &here, NULL, "the file holds %s here (byte 0x%02X)", input->problem,
				  byte);
	}
	diag_hint(&loader->at, diag,
		  strcmp(code, "NotUtf8") == 0 ? "save the file as UTF-8; put binary data into !!binary (base64)"
					       : "write it as an escape in double quotes, such as \"\\x1B\"");
	return false;
}

struct fault {
	const char *problem; /* libyaml's text, or its beginning */
	const char *message, *hint;
	bool is_at_context; /* the beginning of the broken thing says more than the place where it went wrong */
};

static const struct fault faults[] = {
	{"mapping values are not allowed", "a \": \" stands where no key can be",
	 "is the line above unfinished or indented differently? Quote a value that holds \": \"", false},
	{"did not find expected key", "no key of the surrounding mapping can start here",
	 "indent the keys of one mapping alike; quote a value that goes on behind its closing quote", false},
	{"did not find expected '-'", "an item of the surrounding list was expected here",
	 "indent the \"- \" of one list alike", false},
	{"could not find expected ':'", "this line has no \": \"",
	 "write `key: value`; a text of several lines wants \"|\" behind its key", true},
	{"block sequence entries are not allowed", "a list item (\"- \") cannot start here",
	 "put the list on its own lines, below its key", false},
	{"block mapping is not allowed", "a mapping cannot start here", "put it on its own lines", false},
	{"block collection entry", "a list or mapping cannot start here", NULL, false},
	{"mapping keys are not allowed", "a \"? \" key cannot start here", "quote a value that starts with \"? \"", false},
	{"did not find expected ',' or ']'", "a list in brackets goes on without \",\" and without \"]\"",
	 "separate items with \",\" and close the list with \"]\"", false},
	{"did not find expected ',' or '}'", "a mapping in braces goes on without \",\" and without \"}\"",
	 "separate pairs with \",\" and close the mapping with \"}\"; quote templates such as \"{{ name }}\"", false},
	{"found unexpected end of stream", "a quoted text that starts here is never closed", "add the closing quote",
	 true},
	{"found unexpected document indicator", "a quoted text that starts here is not closed before the next document",
	 "add the closing quote", true},
	{"did not find expected <document start>", "the document is over, but more text follows",
	 "start the next document with a line \"---\"; indent what belongs to the one above", false},
	{"did not find expected node content", "a value was expected here", "quote texts that start with a special character",
	 false},
	{"found unknown escape character", "an unknown escape (\\) in double quotes",
	 "write \\\\ for a backslash, or use single quotes", false},
	{"did not find expected hexdecimal number", "an escape wants hexadecimal digits", NULL, false},
	{"found invalid Unicode character escape code", "an escape for a character that does not exist", NULL, false},
	{"found undefined tag handle", "a tag with an unknown handle", "remove the tag, or quote a text that starts with \"!\"",
	 false},
	{"found a tab character", "a tab is used for indentation", "indent with spaces", false},
	{"found character '\\t'", "a tab is used for indentation", "indent with spaces", false},
	{"did not find expected alphabetic or numeric character", "a name was expected behind \"&\" or \"*\"",
	 "quote a text that starts with \"*\" or \"&\"", true},
	{"found duplicate %YAML directive", "a second %YAML line", "remove it", false},
	{"found incompatible YAML document", "another version of YAML is asked for", "remove the %YAML line", false},
	{"found unknown directive name", "an unknown directive", "quote a text that starts with \"%\"", false},
	{"found extra", "more than expected in a directive or tag", NULL, false},
	{"did not find expected comment or line break", "only a comment can follow here",
	 "text behind \"|\" or \">\" goes to the next line", false},
	{"found an indentation indicator equal to 0", "the indentation of a text cannot be 0", NULL, false},
	{"found more than one indentation indicator", "a second indentation number behind \"|\" or \">\"", NULL, false},
	{"input error", "the file cannot be read", NULL, false},
};

static const struct fault *find_fault(const char *problem)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (strncmp(problem, faults[i].problem, strlen(faults[i].problem)) == 0)
			return &faults[i];
	return NULL;
}

/* The character that nothing can start with: mostly a tab, or a sign that wants quotes. */
static bool fault_character(struct loader *loader, const struct node *here, struct place place)
{
	struct span file = loader->input.file;
	char c = place.offset < file.len ? file.ptr[place.offset] : ' ';
	struct diag *diag;
	if (c == '\t') {
		diag = diag_error(&loader->at, "YamlSyntax", here, NULL, "a tab is used for indentation");
		diag_hint(&loader->at, diag, "indent with spaces");
		return false;
	}
	diag = diag_error(&loader->at, "YamlSyntax", here, NULL, "no value can start with \"%c\"", c);
	diag_hint(&loader->at, diag, "put the value into quotes");
	return false;
}

/* Where the block began whose structure is broken, if that is another line. */
static void add_context(struct loader *loader, struct diag *diag)
{
	const struct events_fault *found = &loader->events.fault;
	if (found->context == NULL || found->context_mark.line == found->problem_mark.line)
		return;
	struct place place = input_place(&loader->input, &found->context_mark);
	const char *what = strstr(found->context, "mapping")	 ? "mapping"
			   : strstr(found->context, "sequence") ? "list"
			   : strstr(found->context, "scalar")	 ? "text"
								 : NULL;
	if (what != NULL)
		diag->message = arena_spanf(loader->at.list->arena, "%.*s (the %s began in line %u)",
					    SPAN_ARG(diag->message), what, place.line);
}

/* Something that began earlier and misses its end is shown where it began; a key that misses its colon, too. */
static const yaml_mark_t *fault_mark(const struct events_fault *found, const struct fault *fault)
{
	bool is_at_context = fault != NULL && fault->is_at_context && found->context != NULL;
	return is_at_context ? &found->context_mark : &found->problem_mark;
}

static bool has_problem(const struct loader *loader, const char *start)
{
	const char *problem = loader->events.fault.problem;
	return problem != NULL && strncmp(problem, start, strlen(start)) == 0;
}

/* A key must end in the line in which it begins, and within 1024 characters: JSON knows neither rule. */
static bool fault_key(struct loader *loader)
{
	enum { LONGEST = 1024 };
	const struct events_fault *found = &loader->events.fault;
	const yaml_mark_t *colon = &found->problem_mark, *key = &loader->last_quoted;
	size_t offset = input_place(&loader->input, colon).offset;
	bool is_block = has_problem(loader, "could not find expected ':'") && found->context != NULL;
	bool is_flow = loader->input.is_json && has_problem(loader, "did not find expected ',' or '}'");
	if ((!is_block && !is_flow) || offset >= loader->input.file.len || loader->input.file.ptr[offset] != ':')
		return false;
	if (is_block)
		key = &found->context_mark;
	bool is_split = is_flow && colon->line > key->line;
	if (!is_split && colon->index <= key->index + LONGEST)
		return false;
	struct node here = {0};
	fault_at(&here, input_place(&loader->input, key));
	struct diag *diag = diag_error(&loader->at, "YamlSyntax", &here, NULL, "%s",
				       is_split ? "a key and its \":\" stand in different lines"
						: "a key is longer than 1024 characters, which YAML does not allow");
	diag_hint(&loader->at, diag, is_split ? "put the \":\" behind the key, into the same line" : "shorten it");
	return true;
}

bool fault_syntax(struct loader *loader)
{
	const struct events_fault *found = &loader->events.fault;
	struct node here = {0};
	if (fault_key(loader))
		return false;
	const char *problem = found->problem == NULL ? "" : found->problem;
	const struct fault *fault = find_fault(problem);
	struct place place = input_place(&loader->input, fault_mark(found, fault));
	fault_at(&here, place);
	if (strncmp(problem, "found character that cannot start", 33) == 0)
		return fault_character(loader, &here, place);
	if (fault == NULL) {
		diag_error(&loader->at, "YamlSyntax", &here, NULL, "not YAML: %.80s", problem);
		return false;
	}
	struct diag *diag = diag_error(&loader->at, "YamlSyntax", &here, NULL, "%s", fault->message);
	if (!fault->is_at_context)
		add_context(loader, diag);
	if (fault->hint != NULL)
		diag_hint(&loader->at, diag, "%s", fault->hint);
	return false;
}
