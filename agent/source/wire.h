/* The bytes between the program and its children: numbers as LEB128, texts with their length and a NUL behind. Writing
 * appends to a struct text. Reading treats the other side as hostile: every length is checked against what is left,
 * every allocation against a budget, nesting against WIRE_DEPTH; the first fault sticks (`bad`) and everything read from
 * then on is zero, so readers check once at the end. */
#ifndef AGENT_SOURCE_WIRE_H
#define AGENT_SOURCE_WIRE_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"
#include "base/text.h"
#include "render/diag.h"
#include "render/node.h"

struct cluster;
struct document;
struct fleet;
struct fleet_options;
struct resource_list;

enum { WIRE_DEPTH = 192, WIRE_NAME_MAX = 4096 };

void wire_put_int(struct text *out, uint64_t value);
void wire_put_bool(struct text *out, bool value);
void wire_put_span(struct text *out, struct span text); /* keeps "absent" apart from "empty" */
void wire_put_string(struct text *out, const char *text);
void wire_put_node(struct text *out, const struct node *node); /* NULL: absent; too deep: out->failed */
void wire_put_diags(struct text *out, const struct diag_list *list);
void wire_put_fail(struct text *out, const struct fail *fail);

/* Takes what one cluster after the other comes to, in the order of fleet->clusters: its resources and its template_text
 * are gone when `take` returns, the cluster in the fleet has none. `packed`, which is gone as well, holds them for
 * wire_resources. Who knows these very bytes from before takes the cluster without its resources: they were checked then. */
struct fleet_taker {
	void (*take)(void *ctx, const struct cluster *cluster, struct span packed);
	bool (*knows)(void *ctx, const struct cluster *cluster, struct span packed); /* NULL: nothing is known */
	/* Every document, in front of all clusters. With it the fleet keeps heads and those with faults alone: the documents of
	 * a cluster are there only while it is taken. NULL: documents stay. */
	void (*see_document)(void *ctx, const struct document *document);
	void (*see_read)(void *ctx, struct span reader, struct span path); /* of fleet->reads, which stay empty; NULL: they are kept */
	void (*see_served)(void *ctx, struct span path, struct span id, size_t bytes); /* the renderer asked for this file; NULL: nobody cares */
	void *ctx;
};

enum { WIRE_RECENT = 64 };

struct wire {
	const unsigned char *at, *end;
	struct arena *arena; /* for arrays; texts point into the message, which must live as long, unless they are copied */
	size_t budget;	     /* bytes that may still be allocated */
	bool bad;
	bool copies; /* texts are copied into the arena: the message may go away */
	struct span recent[WIRE_RECENT]; /* copies, by length and end: most texts of a fleet come again soon */
	const struct fleet_taker *taker; /* NULL: resources stay with their clusters */
	struct arena *passing;		 /* of documents that the taker only sees; else NULL */
};

void wire_init(struct wire *wire, struct arena *arena, struct span message, size_t budget);
uint64_t wire_int(struct wire *wire, uint64_t max);
bool wire_bool(struct wire *wire);
struct span wire_span(struct wire *wire);
struct span wire_keep(struct wire *wire, struct span text); /* copied when texts are copied */
struct span wire_name(struct wire *wire);     /* at most WIRE_NAME_MAX, no control characters */
const char *wire_string(struct wire *wire);   /* NULL: absent; no NUL inside */
size_t wire_count(struct wire *wire);	      /* never more than the bytes that are left */
void *wire_alloc(struct wire *wire, size_t count, size_t size); /* zeroed; NULL sets bad; count 0: NULL */
void wire_node(struct wire *wire, struct node *out);
void wire_diags(struct wire *wire, struct diag_list *list); /* appends, counts afresh */
void wire_fail(struct wire *wire, struct fail *out);
/* Everything was read and nothing was wrong. */
bool wire_end(const struct wire *wire);

/* --- a fleet (wire_fleet_put.c, wire_fleet_get.c) ------------------------------------------------------------------- */

void wire_put_fleet(struct text *out, const struct fleet *fleet);
/* The fleet lives in the reader's arena; only resource types that a tree may declare are accepted. With a taker nothing of
 * it points into the message. */
bool wire_fleet(struct wire *wire, const struct fleet_options *options, struct fleet **out, struct fail *fail);
/* What a taker got, again. */
bool wire_resources(struct wire *wire, struct resource_list *out, struct fail *fail);

#endif
