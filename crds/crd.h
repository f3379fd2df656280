/* What is made from the tables, besides the checks and `omniops explain`: CustomResourceDefinitions, reference pages
 * and JSON schemas. Pure functions of the tables. */
#ifndef CRDS_CRD_H
#define CRDS_CRD_H

#include "base/text.h"
#include "crds/schema.h"

/* The CustomResourceDefinition of a kind as one YAML document, without "---" (apiextensions.k8s.io/v1). It needs
 * Kubernetes 1.25 or newer: nothing in its rules is younger. */
void crd_print(struct text *out, const struct kind *kind);

/* The page of a kind for docs/reference, in Markdown. */
void reference_print(struct text *out, const struct kind *kind);

/* A JSON schema (draft 7) of manifests of this kind, for editors. */
void schema_json_print(struct text *out, const struct kind *kind);

#endif
