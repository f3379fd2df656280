/* Specs on Omni's wire: protobuf bytes from and to the nodes of struct resource, through the table of render/omni_types.h
 * and the descriptors of agent/omni/proto. */
#ifndef AGENT_OMNI_CODEC_H
#define AGENT_OMNI_CODEC_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/fail.h"
#include "render/node.h"
#include "render/omni_types.h"

/* The message of a spec ("ClusterSpec"); NULL: none of ours. */
const ProtobufCMessageDescriptor *codec_descriptor(const char *spec_name);

/* A message as protobuf-c has it, made in the arena and gone with it; NULL: the bytes are none. */
void *codec_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct span bytes);

/* `old` are the bytes that are replaced, empty: none. Fields in them that are not known here are written back. */
bool codec_encode(struct arena *arena, const struct omni_type *type, const struct node *spec, struct span old,
		  struct span *out_bytes, struct fail *fail) __attribute__((warn_unused_result));

/* Do the bytes of a spec have fields that are not known here? */
bool codec_has_unknown(const struct omni_type *type, struct span bytes);

/* How compressed content is read. */
struct codec_content {
	struct span dictionary; /* empty: none */
	struct span yaml;	/* the same spec in YAML, where a server expanded it; empty: there is none */
};

/* In the canonical form of struct resource. PROTOCOL when the bytes are no such message; UNSUPPORTED for content that
 * needs a dictionary that is not there, when there is no YAML either. */
bool codec_decode(struct arena *arena, const struct omni_type *type, struct span bytes,
		  const struct codec_content *content, struct node *out_spec, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
