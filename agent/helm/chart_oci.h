/* Charts in OCI registries: references, tags, manifests, the layer that is the chart. Every byte that has a digest is checked against
 * it. A registry that wants a token names who gives it; credentials go there, and only there, over https (or, to a registry that
 * is spoken to without TLS, at the same host). */
#ifndef AGENT_HELM_CHART_OCI_H
#define AGENT_HELM_CHART_OCI_H

#include "agent/helm/chart.h"
#include "agent/helm/chart_fetch.h"

struct oci_ref {
	struct span host, path; /* "registry.example.com:5000", "team/charts/web" */
	struct span tag;	/* empty: none */
	struct span digest;	/* "sha256:…"; empty: none */
};

/* oci://HOST/PATH[:TAG][@sha256:HEX] */
bool oci_ref_parse(struct span text, struct oci_ref *out, struct fail *fail) __attribute__((warn_unused_result));

struct oci {
	struct fetcher *fetcher;
	const struct chart_access *access;
	struct oci_ref ref;
	struct arena *arena;
	struct span token;   /* once one was given */
	bool is_basic;	     /* the registry wants credentials themselves */
};

struct oci_chart {
	struct span manifest; /* "sha256:…" */
	struct span layer;    /* 64 digits */
	int64_t size;
};

enum { OCI_TAGS_MAX = 20000 };

/* Tags as they are, in no order. */
bool oci_tags(struct oci *oci, struct span **out, size_t *out_count, struct fail *fail) __attribute__((warn_unused_result));
/* What a tag or a digest ("sha256:…") stands for. */
bool oci_find(struct oci *oci, struct span reference, struct oci_chart *out, struct fail *fail) __attribute__((warn_unused_result));
/* The chart itself into a file. */
bool oci_pull(struct oci *oci, const struct oci_chart *chart, int file_fd, struct fail *fail) __attribute__((warn_unused_result));

/* A challenge, `Bearer realm="…",service="…",scope="…"`; a part of it, the empty span when absent. Pure. */
struct span oci_challenge_part(struct span challenge, const char *name);

#endif
