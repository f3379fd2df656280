/* What is made from the tables, besides the checks: CustomResourceDefinitions, reference pages, JSON schemas, and the
 * text of `omniops explain`. Pure functions of the tables. */
#ifndef CRDS_CRD_H
#define CRDS_CRD_H

#include "base/fail.h"
#include "base/text.h"
#include "crds/schema.h"

/* The CustomResourceDefinition of a kind as one YAML document, without "---" (apiextensions.k8s.io/v1). It needs
 * Kubernetes 1.25 or newer: nothing in its rules is younger. */
void crd_print(struct text *out, const struct kind *kind);

/* The page of a kind for docs/reference, in Markdown. */
void reference_print(struct text *out, const struct kind *kind);

/* A JSON schema (draft 7) of manifests of this kind, for editors. */
void schema_json_print(struct text *out, const struct kind *kind);

/* A kind, or one of its fields ("spec.machineClass.size"; list items need no index): type, limits, meaning, children,
 * and for a kind an example. NOT_FOUND with the nearest name when there is no such field. */
bool explain_print(struct text *out, const struct kind *kind, struct span dotted_field, struct fail *fail);

#endif
