/* Which Omni a connection leads to, and which key may be used there.
 *
 * The body of a request is not signed, and a signature can be used again for five minutes: whoever receives one request
 * can make others. So a key goes only where whoever runs omniops said so: to the address of --omni or --connection, to
 * the one that stands beside a key of --secret-dir, or, with --connection-key, to the one that a repository declares for
 * that connection. Of an API server it is a Secret and an address of one namespace, and whoever may write there says so. */
#ifndef AGENT_SETTINGS_TARGET_H
#define AGENT_SETTINGS_TARGET_H

#include <sys/stat.h>

#include "agent/omni/store.h"
#include "agent/settings/settings.h"
#include "render/fleet.h"

enum key_from {
	KEY_NOWHERE,
	KEY_ENVIRONMENT,
	KEY_FILE,
	KEY_SECRET, /* a file of --secret-dir, which has a say in where it is used (agent/secret_dir.h) */
	KEY_OBJECT, /* a Secret of the API server that declares the connection, in the same namespace (agent/link_key.h) */
};

/* A connection, as declarations name it: per namespace. */
struct connection_name {
	const struct fleet *fleet; /* that names it; NULL: none */
	struct span ns, name;	   /* ns empty: of any */
	bool is_object;		   /* declared by the objects of an API server: who may write into a namespace rules over it alone */
};

struct target_way {
	struct span connection, url; /* of an Omni: as target_address() writes it */
	bool is_named;	  /* by a flag or the environment, not only by a repository */
	bool skip_verify; /* of the server's certificate */
	enum key_from key_from;
	const char *key_file; /* KEY_FILE, KEY_SECRET; NULL: what the repository calls it is no file name */
	struct span ns; /* of the connection; KEY_OBJECT */
	struct span secret_name, secret_key; /* KEY_SECRET, KEY_OBJECT */
	const struct secret *key; /* KEY_OBJECT: what the Secret holds, of whoever opens; NULL: it was not read yet */
};

/* One spelling per Omni: lower-case host, no port that is the scheme's own, nothing behind it. What is no address of an
 * Omni (a directory, a fault that opening it tells) stays as it is. */
struct span target_address(struct arena *arena, struct span url);

/* Where a connection leads to: --connection NAME=URL, else --omni, else the OmniConnection in the fleet; of an API server
 * a NAME may be NAMESPACE/NAME. False: nowhere. The one rule for commands and the agent; nothing is read. What is in *out lives
 * as long as settings, fleet and arena. */
bool target_way(const struct settings *settings, const struct connection_name *name, struct arena *arena, struct target_way *out);

/* Both use one key: what the Secrets of two namespaces hold is not one, even if it is the same. */
bool target_same_key(const struct target_way *a, const struct target_way *b);

/* Opens what the way leads to; never blocks on the network. `log` may be NULL. A remote Omni comes with the marks of
 * agent/omni/records.h. */
bool target_open(const struct settings *settings, const struct target_way *way, struct log *log, struct omni_store **out,
		 struct fail *fail);
/* Goes on with what the key file holds now. `store` is one of target_open for the same way; a failure changes nothing. */
bool target_renew(const struct settings *settings, const struct target_way *way, struct log *log, struct omni_store *store,
		  struct fail *fail);
/* What is unwise about the way, as lines of the log, or on standard error where there is none. */
void target_warn(const struct target_way *way, struct log *log);

/* Tells whether a file was replaced or written; zero: there is none. */
struct file_stamp {
	struct timespec changed;
	dev_t device;
	ino_t inode;
	off_t size;
};
struct file_stamp target_key_stamp(const struct target_way *way);
struct file_stamp target_ca_stamp(const struct settings *settings, const struct target_way *way); /* of its certificates */
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/* --- for commands: opened once per run --- */

struct target {
	struct span connection; /* name of the OmniConnection; empty: the default */
	const char *url;
	struct target_way way;
	struct omni_store *store;
};

struct targets {
	struct arena *arena;
	const struct settings *settings;
	struct target **items;
	size_t count, cap;
};

void targets_init(struct targets *targets, struct arena *arena, const struct settings *settings);
void targets_done(struct targets *targets); /* closes the stores */

/* The store for a connection. Fails with what to set when nothing says where it leads. */
bool targets_find(struct targets *targets, const struct fleet *fleet, struct span connection, struct target **out,
		  struct fail *fail);

#endif
