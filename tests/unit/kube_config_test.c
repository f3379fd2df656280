/* Where an API server is found, and as whom: kubeconfigs with every key, what a pod finds, and what is wrong with them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kube/config.h"

struct world {
	struct arena arena;
	struct kube_config config;
	struct fail fail;
	char dir[64];
};

static int set_up(void **state)
{
	static struct world world;
	world = (struct world){.dir = "/tmp/kube-config.XXXXXX"};
	arena_init(&world.arena, ARENA_NO_LIMIT);
	assert_non_null(mkdtemp(world.dir));
	*state = &world;
	return 0;
}

static const char *path(struct world *world, const char *name)
{
	return arena_spanf(&world->arena, "%s/%s", world->dir, name).ptr;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"one", "two", "token", "ca.crt", "namespace", ".kube/config", "config"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(path(world, names[i]));
	rmdir(path(world, ".kube"));
	rmdir(world->dir);
	arena_done(&world->arena);
	return 0;
}

static void put(struct world *world, const char *name, const char *text)
{
	FILE *file = fopen(path(world, name), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool find(struct world *world, struct kube_config_from from)
{
	world->config = (struct kube_config){0};
	world->fail = (struct fail){0};
	return kube_config_find(&world->arena, &from, &world->config, &world->fail);
}

static bool read_file(struct world *world, const char *text)
{
	put(world, "config", text);
	return find(world, (struct kube_config_from){.file = path(world, "config"), .allow_exec = true});
}

static void assert_refused(struct world *world, enum fail_code code, const char *part)
{
	if (strstr(world->fail.text, part) == NULL || world->fail.code != code)
		fail_msg("%s: «%s», should say «%s»", fail_name(world->fail.code), world->fail.text, part);
}

#define CLUSTERS "clusters:\n- name: c\n  cluster:\n    server: https://api:6443\n"
#define CONTEXTS "contexts:\n- name: x\n  context: {cluster: c, user: u}\ncurrent-context: x\n"
#define USER(text) CLUSTERS CONTEXTS "users:\n- name: u\n  user: " text "\n"
#define CLUSTER(text) "clusters:\n- name: c\n  cluster: " text "\n" CONTEXTS "users:\n- name: u\n  user: {token: t}\n"
#define PEM_DATA "LS0tLS1CRUdJTiBYLS0tLS0=" /* -----BEGIN X----- */

static void every_key(void **state)
{
	struct world *world = *state;
	assert_true(read_file(world,
			      "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://api:6443/prefix/\n"
			      "    certificate-authority-data: " PEM_DATA "\n    certificate-authority: not-this\n    tls-server-name: inside\n"
			      "    proxy-url: socks5://p:1080\n    disable-compression: true\n"
			      "contexts:\n- name: x\n  context: {cluster: c, user: u, namespace: apps}\ncurrent-context: x\n"
			      "users:\n- name: u\n  user:\n    token: abc\n    client-certificate: pki/me.crt\n    client-key: /abs/me.key\n"
			      "    as: jane\n    as-uid: '7'\n    as-groups: [a, b]\n    as-user-extra: {k: [v, w]}\n"));
	const struct kube_config *config = &world->config;
	assert_string_equal(config->server, "https://api:6443/prefix");
	assert_span(config->ca_data, "-----BEGIN X-----");
	assert_null(config->ca_file);
	assert_string_equal(config->tls_server_name, "inside");
	assert_string_equal(config->proxy_url, "socks5://p:1080");
	assert_string_equal(config->ns, "apps");
	assert_span(config->token, "abc");
	assert_string_equal(config->cert_file, path(world, "pki/me.crt"));
	assert_string_equal(config->key_file, "/abs/me.key");
	assert_string_equal(config->as_user, "jane");
	assert_string_equal(config->as_uid, "7");
	assert_string_equal(config->as_groups[1], "b");
	assert_null(config->as_groups[2]);
	assert_string_equal(config->as_extra[3], "w");
	assert_null(config->as_extra[4]);
	assert_null(config->exec);
}

static void forms_of_users(void **state)
{
	struct world *world = *state;
	assert_true(read_file(world, USER("{username: me, password: secret}")));
	assert_string_equal(world->config.user, "me");
	assert_string_equal(world->config.password, "secret");
	assert_true(read_file(world, USER("{token: t, tokenFile: tokens/me}")));
	assert_string_equal(world->config.token_file, path(world, "tokens/me"));
	assert_true(read_file(world, USER("{client-certificate-data: " PEM_DATA ", client-key-data: " PEM_DATA "}")));
	assert_span(world->config.key_data, "-----BEGIN X-----");
	assert_true(read_file(world, CLUSTERS "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n")); /* nobody at all */
}

static void a_program(void **state)
{
	struct world *world = *state;
	assert_true(read_file(world, USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: [a, 1],\n"
					  "    env: [{name: A, value: b}], interactiveMode: IfAvailable, provideClusterInfo: true}}")));
	const struct kube_exec *exec = world->config.exec;
	assert_string_equal(exec->command, path(world, "bin/login"));
	assert_string_equal(exec->args[1], "1");
	assert_null(exec->args[2]);
	assert_string_equal(exec->env[0], "A=b");
	assert_null(exec->env[1]);
	assert_true(exec->provides_cluster_info);
	assert_true(read_file(world, USER("{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: login}}")));
	assert_string_equal(world->config.exec->command, "login");
	assert_true(read_file(world, USER("{token: t, exec: {command: never}}")));
	assert_null(world->config.exec);
}

static void what_is_wrong_is_told(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *text;
		enum fail_code code;
		const char *part;
	} rows[] = {
		{"{", FAIL_INVALID, "/config: this is no YAML that can be read, at line 2"},
		{"kind: Pod", FAIL_INVALID, "/config: this is no kubeconfig (kind: Config)"},
		{"- a", FAIL_INVALID, "this is no kubeconfig"},
		{"", FAIL_INVALID, "no current-context; name one: --kube-context NAME. There is: none at all"},
		{CLUSTERS "contexts: [{name: a, context: {}}, {name: b}]", FAIL_INVALID, "There is: a, b"},
		{CLUSTERS "current-context: y\ncontexts: [{name: x, context: {cluster: c}}]", FAIL_NOT_FOUND, "there is no context \"y\"; there is: x"},
		{CONTEXTS, FAIL_INVALID, "the context \"x\": there is no cluster \"c\", which it leads to"},
		{CLUSTERS CONTEXTS, FAIL_INVALID, "the context \"x\": there is no user \"u\", whom it names"},
		{CLUSTER("{}"), FAIL_INVALID, "the cluster \"c\": server is missing: write https://HOST:PORT"},
		{CLUSTER("{server: 'api:6443'}"), FAIL_INVALID, "server: it has no scheme: write https://HOST:PORT"},
		{CLUSTER("{server: 'ftp://api'}"), FAIL_INVALID, "the scheme \"ftp\" is not supported"},
		{CLUSTER("{server: 'https://'}"), FAIL_INVALID, "server: "},
		{CLUSTER("{server: 'https://a?b=c'}"), FAIL_INVALID, "nothing may follow its path"},
		{CLUSTER("{server: [a]}"), FAIL_INVALID, "server: a text is wanted"},
		{CLUSTER("{server: 'https://a', proxy-url: 'a:1'}"), FAIL_INVALID, "proxy-url: it has no scheme: write http://HOST:PORT"},
		{CLUSTER("{server: 'https://a', insecure-skip-tls-verify: 7}"), FAIL_INVALID, "write true or false"},
		{CLUSTER("{server: 'https://a', insecure-skip-tls-verify: true, certificate-authority: x}"), FAIL_INVALID, "contradict each other"},
		{CLUSTER("{server: 'https://a', certificate-authority-data: '%%%'}"), FAIL_INVALID, "this is no base64, character 1 is wrong"},
		{CLUSTER("{server: 'https://a', certificate-authority-data: YWJj}"), FAIL_INVALID, "not in PEM form"},
		{USER("{client-certificate: a}"), FAIL_INVALID, "the user \"u\": client-key is missing"},
		{USER("{client-key: a}"), FAIL_INVALID, "the user \"u\": client-certificate is missing"},
		{USER("{token: t, username: u}"), FAIL_INVALID, "a token and a username contradict each other"},
		{USER("{password: t}"), FAIL_INVALID, "a password without a username"},
		{USER("{token: \"a\\nb\"}"), FAIL_INVALID, "token: it has a line end in it"},
		{USER("{as-groups: [a]}"), FAIL_INVALID, "mean nothing without as"},
		{USER("{as: a, as-groups: b}"), FAIL_INVALID, "as-groups: a list"},
		{USER("{as: a, as-user-extra: {k: v}}"), FAIL_INVALID, "as-user-extra: a list of texts is wanted for each key"},
		{USER("{auth-provider: {name: gcp}}"), FAIL_UNSUPPORTED, "auth-provider is not supported"},
		{USER("{exec: {command: a}}"), FAIL_INVALID, "exec.apiVersion is missing: write client.authentication.k8s.io/v1"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: a}}"), FAIL_UNSUPPORTED, "v1alpha1\" is not supported"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}"), FAIL_INVALID, "exec.command is missing"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a}}"), FAIL_INVALID, "exec.interactiveMode: write Never"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Always}}"), FAIL_UNSUPPORTED, "wants a terminal"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Never, env: [{value: x}]}}"), FAIL_INVALID,
		 "exec.env[0]"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Never, args: {}}}"), FAIL_INVALID, "exec.args"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (read_file(world, rows[i].text))
			fail_msg("taken: %s", rows[i].text);
		assert_refused(world, rows[i].code, rows[i].part);
	}
}

static void keys_are_not_shown(void **state)
{
	struct world *world = *state;
	static const char *const texts[] = {
		USER("{client-key-data: S3CR3T%, client-certificate-data: S3CR3T%}"), USER("{token: \"S3CR3T\\tx\\n\"}"), USER("{token: S3CR3T: x}"),
		USER("{token: [S3CR3T]}"), "kind: Config\nusers: [{name: u, user: {token: S3CR3T}}\nx", USER("{token: *S3CR3T}"),
		USER("{password: S3CR3T}"), USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, env: [{value: S3CR3T}]}}"),
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(read_file(world, texts[i]));
		assert_null(strstr(world->fail.text, "S3CR3T"));
	}
}

static void the_first_of_a_list_counts(void **state)
{
	struct world *world = *state;
	put(world, "one", "users: [{name: u, user: {token: first}}]\ncurrent-context: ''\n");
	put(world, "two", USER("{token: second}"));
	char *list = (char *)(uintptr_t)arena_spanf(&world->arena, "KUBECONFIG=%s/none::%s/one:%s/two", world->dir, world->dir, world->dir).ptr;
	char *environment[] = {list, NULL};
	assert_true(find(world, (struct kube_config_from){.environment = environment}));
	assert_span(world->config.token, "first");
	assert_string_equal(world->config.server, "https://api:6443");
	char *nowhere[] = {(char[]){"KUBECONFIG=/nonexistent/a:/nonexistent/b"}, NULL};
	assert_false(find(world, (struct kube_config_from){.environment = nowhere}));
	assert_refused(world, FAIL_NOT_FOUND, "no file exists that KUBECONFIG names (/nonexistent/a:/nonexistent/b)");
}

static void a_pod(void **state)
{
	struct world *world = *state;
	char *environment[] = {(char[]){"KUBERNETES_SERVICE_HOST=fd00::1"}, (char[]){"KUBERNETES_SERVICE_PORT=443"}, NULL};
	struct kube_config_from from = {.environment = environment, .service_account_dir = world->dir};
	assert_false(find(world, from));
	assert_refused(world, FAIL_NOT_FOUND, "this pod has no token");
	put(world, "token", "t");
	put(world, "ca.crt", "c");
	put(world, "namespace", "apps\n");
	assert_true(find(world, from));
	assert_string_equal(world->config.server, "https://[fd00::1]:443");
	assert_string_equal(world->config.token_file, path(world, "token"));
	assert_string_equal(world->config.ca_file, path(world, "ca.crt"));
	assert_string_equal(world->config.ns, "apps");
	from.context = "x"; /* a pod has none */
	assert_false(find(world, from));
	assert_refused(world, FAIL_NOT_FOUND, "a context was named");
}

static void the_home_directory(void **state)
{
	struct world *world = *state;
	char *home = (char *)(uintptr_t)arena_spanf(&world->arena, "HOME=%s", world->dir).ptr;
	char *environment[] = {home, NULL};
	assert_false(find(world, (struct kube_config_from){.environment = environment}));
	assert_refused(world, FAIL_NOT_FOUND, "this is no pod (KUBERNETES_SERVICE_HOST is not set), KUBECONFIG is not set, and ");
	assert_int_equal(mkdir(path(world, ".kube"), 0755), 0);
	put(world, ".kube/config", USER("{token: t, tokenFile: beside}"));
	assert_int_equal(chmod(path(world, ".kube/config"), 0666), 0); /* anybody's: kubectl only warns */
	assert_true(find(world, (struct kube_config_from){.environment = environment}));
	assert_string_equal(world->config.token_file, path(world, ".kube/beside"));
}

static bool foreign(struct world *world, const char *text)
{
	world->fail = (struct fail){0};
	return kube_config_foreign(&world->arena, span_of(text), &world->config, &world->fail);
}

/* Each has one thing that is refused; the failure names it, and what to write instead. */
static void somebody_elses(void **state)
{
	struct world *world = *state;
	assert_true(foreign(world, USER("{token: t, tokenFile: '', as: '', exec: null, as-groups: []}")));
	assert_span(world->config.token, "t");
	assert_true(foreign(world, CLUSTER("{server: 'https://a', proxy-url: '', insecure-skip-tls-verify: false, tls-server-name: b}")));
	assert_string_equal(world->config.tls_server_name, "b");
	static const struct {
		const char *text, *key, *way_out;
	} rows[] = {
		{USER("{tokenFile: /etc/shadow}"), "the user \"u\": tokenFile is refused", "into token"},
		{USER("{token: t, tokenFile: /etc/shadow}"), "tokenFile is refused", "into token"},
		{USER("{client-certificate: a, client-key: b}"), "client-certificate is refused", "client-certificate-data"},
		{USER("{client-key: b}"), "client-key is refused", "client-key-data"},
		{USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Never}}"), "exec is refused", "token"},
		{USER("{token: t, exec: {command: a}}"), "exec is refused", "token"},
		{USER("{exec: /bin/sh}"), "exec is refused", "token"},
		{USER("{auth-provider: {name: oidc}}"), "auth-provider is refused", "token"},
		{USER("{token: t, as: root}"), "as is refused", "credentials"},
		{USER("{token: t, as: root, as-groups: [a]}"), "as is refused", "credentials"},
		{USER("{token: t, as-uid: '1'}"), "as-uid is refused", "credentials"},
		{USER("{token: t, as-groups: [a]}"), "as-groups is refused", "credentials"},
		{USER("{token: t, as-user-extra: {a: [b]}}"), "as-user-extra is refused", "credentials"},
		{CLUSTER("{server: 'https://a', certificate-authority: /etc/shadow}"), "certificate-authority is refused", "certificate-authority-data"},
		{CLUSTER("{server: 'https://a', insecure-skip-tls-verify: true}"), "insecure-skip-tls-verify is refused", "certificate-authority-data"},
		{CLUSTER("{server: 'https://a', insecure-skip-tls-verify: 'true'}"), "insecure-skip-tls-verify is refused", "certificate-authority-data"},
		{CLUSTER("{server: 'https://a', proxy-url: 'http://p'}"), "proxy-url is refused", "directly"},
		{CLUSTER("{server: 'http://a'}"), "server: the scheme \"http\" is not supported", "https://HOST:PORT"},
		{CLUSTER("{server: 'HTTP://a'}"), "server: the scheme \"http\" is not supported", "https://HOST:PORT"},
		{CLUSTER("{server: ''}"), "server is missing", "https://HOST:PORT"},
		{CLUSTER("{}"), "server is missing", "https://HOST:PORT"},
		{CLUSTER("{server: 'a:6443'}"), "server: it has no scheme", "https://HOST:PORT"},
		{"no: kubeconfig", "no current-context", "write one into it"},
		{"", "no current-context", "write one into it"},
		{"{current-context: x, contexts: [{name: y, context: {}}]}", "there is no context \"x\"", "there is: y"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(foreign(world, rows[i].text));
		assert_refused(world, FAIL_INVALID, rows[i].key);
		assert_refused(world, FAIL_INVALID, rows[i].way_out);
	}
}

static void a_program_needs_permission(void **state)
{
	struct world *world = *state;
	put(world, "config", USER("{exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Never}}"));
	assert_false(find(world, (struct kube_config_from){.file = path(world, "config")}));
	assert_refused(world, FAIL_DENIED, "--allow-exec-credentials");
	assert_false(find(world, (struct kube_config_from){.file = path(world, "absent")}));
	assert_refused(world, FAIL_NOT_FOUND, "the kubeconfig: cannot open");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(every_key),
		CASE(forms_of_users),
		CASE(a_program),
		CASE(what_is_wrong_is_told),
		CASE(keys_are_not_shown),
		CASE(the_first_of_a_list_counts),
		CASE(a_pod),
		CASE(the_home_directory),
		CASE(somebody_elses),
		CASE(a_program_needs_permission),
	};
	return RUN_TESTS(tests);
}
