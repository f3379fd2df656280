/* What the value of a field must be, in sentences. */
#include <stdio.h>

#include "crds/explain.h"

enum { SENTENCE_MAX = 256 };

static const char *unit_of(const struct field *field, int64_t count)
{
	if (field->type == FIELD_LIST)
		return count == 1 ? " item" : " items";
	if (field->type == FIELD_STRING)
		return count == 1 ? " character" : " characters";
	return "";
}

static void say_range(const struct field *field, char *sentence)
{
	bool has_top = field->max != 0 && field->max != INT64_MAX;
	bool is_number = field->type == FIELD_INT32 || field->type == FIELD_INT64;
	bool has_bottom = field->min != 0 || (is_number && field->max != 0);
	sentence[0] = '\0';
	if (has_bottom && has_top)
		snprintf(sentence, SENTENCE_MAX, "From %lld to %lld%s.", (long long)field->min, (long long)field->max,
			 unit_of(field, field->max));
	else if (has_bottom && field->type == FIELD_STRING && field->min == 1)
		snprintf(sentence, SENTENCE_MAX, "Not empty.");
	else if (has_bottom)
		snprintf(sentence, SENTENCE_MAX, "At least %lld%s.", (long long)field->min, unit_of(field, field->min));
	else if (has_top)
		snprintf(sentence, SENTENCE_MAX, "At most %lld%s.", (long long)field->max, unit_of(field, field->max));
}

static void say_choices(const struct field *field, char *sentence)
{
	size_t at = (size_t)snprintf(sentence, SENTENCE_MAX, "One of: ");
	for (const char *const *choice = field->choices; *choice != NULL && at < SENTENCE_MAX; choice++)
		at += (size_t)snprintf(sentence + at, SENTENCE_MAX - at, "%s%s", *choice, choice[1] == NULL ? "." : ", ");
}

void explain_limits(const struct field *field, void (*emit)(void *ctx, const char *sentence), void *ctx)
{
	char sentence[SENTENCE_MAX];
	if (field->dflt != NULL) {
		snprintf(sentence, sizeof sentence, "Default: %s.", field->dflt);
		emit(ctx, sentence);
	}
	if (field->choices != NULL) {
		say_choices(field, sentence);
		emit(ctx, sentence);
	}
	const struct pattern *pattern = field->type == FIELD_DURATION ? &PATTERN_DURATION : field->pattern;
	if (pattern != NULL) {
		snprintf(sentence, sizeof sentence, "Form: %s.", pattern->form);
		emit(ctx, sentence);
	}
	say_range(field, sentence);
	if (sentence[0] != '\0')
		emit(ctx, sentence);
	if ((field->flags & FIELD_SET) != 0)
		emit(ctx, "No item twice.");
	if ((field->flags & FIELD_IMMUTABLE) != 0)
		emit(ctx, "Cannot be changed.");
	for (const struct rule *rule = field->rules; rule != NULL && rule->message != NULL; rule++) {
		snprintf(sentence, sizeof sentence, "Rule: %s.", rule->message);
		emit(ctx, sentence);
	}
}
