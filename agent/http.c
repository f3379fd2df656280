/* The HTTP listener, on libmicrohttpd driven by the main loop: metrics, probes, the status page, JSON, and the two ways to
 * say "look now" (POST /reconcile with a token, POST /webhook with a signature). Neither can say what to apply. */
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/cluster_api.h"
#include "agent/link.h"
#include "agent/report/handlers_report.h"
#include "agent/told.h"
#include "agent/webhook.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"

enum { BODY_MAX = 1 << 20, STALE_HEARTBEAT_MS = 30000, CONNECTIONS_MAX = 256, PER_ADDRESS_MAX = 48, IDLE_S = 5 };

struct http {
	struct agent *agent;
	struct MHD_Daemon *daemon;
	int epoll_fd;
	struct loop_timer *timer;
	struct secret token, webhook_secret;
};

/* One request while its body arrives. */
struct request {
	struct text body;
};

/* --- the report ----------------------------------------------------------------------------------------------------- */

static void copy_units(struct agent *agent, struct agent_report *report)
{
	report->units = calloc(agent->unit_count + 1, sizeof *report->units);
	if (report->units == NULL)
		abort();
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		bool is_idle_raws = unit->link->raws == unit && unit->state.plan_hash[0] == '\0';
		if (!is_idle_raws && !unit->is_retired)
			told_copy(unit, &report->units[report->unit_count++]);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct unit_report *left = a, *right = b;
	int order = strcmp(left->connection, right->connection);
	return order != 0 ? order : strcmp(left->name, right->name);
}

/* Two ways to one Omni, with the keys of two namespaces. */
static void tell_apart(struct agent_report *report)
{
	for (size_t i = report->omni_count; i-- > 1;) {
		struct omni_report *omni = &report->omnis[i];
		size_t same = 0;
		while (same < i && strcmp(report->omnis[same].url, omni->url) != 0)
			same++;
		size_t len = strlen(omni->url);
		if (same < i)
			snprintf(omni->url + len, sizeof omni->url - len, " (%s)", omni->connection);
	}
}

static void report_take(struct agent *agent, struct agent_report *report)
{
	*report = (struct agent_report){.counters = &agent->counters, .is_ready = true};
	report->started_wall_ms = clock_wall_ms() - (clock_monotonic_ms() - agent->started_ms);
	report->now_wall_ms = clock_wall_ms();
	struct queue_metrics queue = queue_metrics(agent->queue);
	report->queue_depth = queue.depth;
	report->queue_running = queue.running;
	report->queue_adds = queue.adds;
	report->queue_retries = queue.retries;
	pthread_mutex_lock(&agent->lock);
	copy_units(agent, report);
	report->sources = calloc(agent->feed_count + 1, sizeof *report->sources);
	report->omnis = calloc(agent->link_count + 1, sizeof *report->omnis);
	if (report->sources == NULL || report->omnis == NULL)
		abort();
	for (size_t i = 0; i < agent->feed_count; i++) {
		report->sources[report->source_count++] = agent->feeds[i].state;
		report->is_ready = report->is_ready && agent->feeds[i].state.polls > 0;
	}
	for (size_t i = 0; i < agent->link_count; i++) {
		const struct link *link = agent->links[i];
		snprintf(report->omnis[i].url, sizeof report->omnis[i].url, "%s", link->url);
		snprintf(report->omnis[i].connection, sizeof report->omnis[i].connection, "%s", link->connection);
		snprintf(report->omnis[i].error, sizeof report->omnis[i].error, "%s", link->error);
		report->omnis[i].is_watched = link->store != NULL && mirror_is_live(link->mirror);
		report->omnis[i].resources = mirror_count(link->mirror);
		link_state_report(link, &report->omnis[i]);
	}
	report->omni_count = agent->link_count;
	tell_apart(report);
	cluster_api_report(agent, report);
	unmanaged_report(agent, report);
	pthread_mutex_unlock(&agent->lock);
	qsort(report->units, report->unit_count, sizeof *report->units, by_name);
}

static void report_free(struct agent_report *report)
{
	for (size_t i = 0; i < report->unit_count; i++)
		told_copy_done(&report->units[i]);
	free(report->units);
	free(report->sources);
	free(report->omnis);
	free(report->unmanaged);
	handlers_report_free(report->handlers);
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, struct text *text)
{
	size_t len = text->len;
	struct MHD_Response *response = MHD_create_response_from_buffer(len, text_take(text), MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD, POST");
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned status, const char *words)
{
	struct text text;
	text_init(&text, 4096);
	text_addf(&text, "%s\n", words);
	return answer(connection, status, "text/plain; charset=utf-8", &text);
}

static enum MHD_Result get_health(struct http *http, struct MHD_Connection *connection)
{
	int64_t age_ms = clock_monotonic_ms() - loop_heartbeat_ms(http->agent->loop);
	return age_ms < STALE_HEARTBEAT_MS ? answer_words(connection, MHD_HTTP_OK, "ok")
					   : answer_words(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the main loop stands still");
}

/* Ready: every source was tried once, and what is watched of an API server is known. Not: Omni or Git answer, since restarting
 * the agent helps neither. */
static enum MHD_Result get_ready(struct http *http, struct MHD_Connection *connection)
{
	struct agent_report report;
	struct fail why = {0};
	report_take(http->agent, &report);
	bool is_ready = report.is_ready && !http->agent->is_stopping;
	report_free(&report);
	if (!cluster_api_is_synced(http->agent, &why))
		return answer_words(connection, MHD_HTTP_SERVICE_UNAVAILABLE, why.text);
	return is_ready ? answer_words(connection, MHD_HTTP_OK, "ok")
			: answer_words(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "sources were not read yet");
}

static enum MHD_Result get_report(struct http *http, struct MHD_Connection *connection,
				  void (*print)(struct text *, const struct agent_report *), const char *type)
{
	struct agent_report report;
	struct text text;
	report_take(http->agent, &report);
	text_init(&text, TEXT_NO_LIMIT);
	print(&text, &report);
	report_free(&report);
	return answer(connection, MHD_HTTP_OK, type, &text);
}

static enum MHD_Result get_metrics(struct http *http, struct MHD_Connection *connection)
{
	return get_report(http, connection, report_metrics, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result get_page(struct http *http, struct MHD_Connection *connection)
{
	return get_report(http, connection, report_page, "text/html; charset=utf-8");
}

static enum MHD_Result get_state(struct http *http, struct MHD_Connection *connection)
{
	return get_report(http, connection, report_json, "application/json");
}

static enum MHD_Result get_cluster(struct http *http, struct MHD_Connection *connection, const char *name)
{
	struct agent_report report;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	report_take(http->agent, &report);
	for (size_t i = 0; i < report.unit_count; i++)
		if (strcmp(report.units[i].name, name) == 0 && text.len == 0)
			report_unit_json(&text, &report.units[i]);
	report_free(&report);
	if (text.len > 0)
		return answer(connection, MHD_HTTP_OK, "application/json", &text);
	text_done(&text);
	return answer_words(connection, MHD_HTTP_NOT_FOUND, "there is no such cluster; /api/v1/clusters lists all");
}

static enum MHD_Result post_reconcile(struct http *http, struct MHD_Connection *connection, struct span body)
{
	(void)body;
	const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
	struct span given = span_of(header == NULL ? "" : header);
	if (http->token.ptr == NULL)
		return answer_words(connection, MHD_HTTP_FORBIDDEN, "start the agent with --http-token-file to allow this");
	if (!span_starts(given, "Bearer ") || !secret_is(&http->token, (struct span){given.ptr + 7, given.len - 7}))
		return answer_words(connection, MHD_HTTP_UNAUTHORIZED, "a bearer token is needed, and it must be the right one");
	agent_reload(http->agent);
	return answer_words(connection, MHD_HTTP_ACCEPTED, "reading all sources");
}

static const char *header_of(void *ctx, const char *name)
{
	return MHD_lookup_connection_value(ctx, MHD_HEADER_KIND, name);
}

static enum MHD_Result post_webhook(struct http *http, struct MHD_Connection *connection, struct span body)
{
	struct agent *agent = http->agent;
	if (http->webhook_secret.ptr == NULL)
		return answer_words(connection, MHD_HTTP_FORBIDDEN, "start the agent with --webhook-secret-file to allow this");
	if (!webhook_is_genuine(secret_span(&http->webhook_secret), header_of, connection, body))
		return answer_words(connection, MHD_HTTP_UNAUTHORIZED, "the signature or token is missing or wrong");
	agent->counters.webhook_hits++;
	size_t woken = 0;
	for (size_t i = 0; i < agent->feed_count; i++)
		if (webhook_concerns(body, agent->feeds[i].source)) {
			feed_poll_now(&agent->feeds[i], false);
			woken++;
		}
	return answer_words(connection, MHD_HTTP_ACCEPTED, woken > 0 ? "looking" : "no source is at that address");
}

/* --- routes --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	enum MHD_Result (*get)(struct http *http, struct MHD_Connection *connection);
	enum MHD_Result (*post)(struct http *http, struct MHD_Connection *connection, struct span body);
} routes[] = {
	{"/", get_page, NULL},		   {"/metrics", get_metrics, NULL},	    {"/healthz", get_health, NULL},
	{"/readyz", get_ready, NULL},	   {"/api/v1/clusters", get_state, NULL},   {"/api/v1/state", get_state, NULL},
	{"/reconcile", NULL, post_reconcile}, {"/webhook", NULL, post_webhook},
};

static enum MHD_Result route(struct http *http, struct MHD_Connection *connection, const char *url, bool is_post,
			     struct span body)
{
	static const char cluster[] = "/api/v1/clusters/";
	if (!is_post && strncmp(url, cluster, sizeof cluster - 1) == 0)
		return get_cluster(http, connection, url + sizeof cluster - 1);
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (strcmp(routes[i].path, url) != 0)
			continue;
		if (is_post && routes[i].post != NULL)
			return routes[i].post(http, connection, body);
		if (!is_post && routes[i].get != NULL)
			return routes[i].get(http, connection);
		return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method");
	}
	return answer_words(connection, MHD_HTTP_NOT_FOUND, "there is nothing here; try / or /metrics");
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_size, void **state)
{
	(void)version;
	struct http *http = ctx;
	bool is_post = strcmp(method, "POST") == 0;
	if (*state == NULL) { /* head of the request */
		struct request *request = calloc(1, sizeof *request);
		if (request == NULL)
			abort();
		text_init(&request->body, BODY_MAX);
		*state = request;
		http->agent->counters.http_requests++;
		return MHD_YES;
	}
	struct request *request = *state;
	if (*upload_size > 0) {
		text_add(&request->body, (struct span){upload, *upload_size});
		*upload_size = 0;
		return MHD_YES;
	}
	if (!is_post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method");
	if (!text_ok(&request->body))
		return answer_words(connection, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
	return route(http, connection, url, is_post, text_span(&request->body));
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)ctx;
	(void)connection;
	(void)code;
	struct request *request = *state;
	if (request == NULL)
		return;
	text_done(&request->body);
	free(request);
	*state = NULL;
}

/* --- in the loop ---------------------------------------------------------------------------------------------------- */

static void turn(void *ctx)
{
	struct http *http = ctx;
	MHD_run(http->daemon);
	MHD_UNSIGNED_LONG_LONG wait_ms = 1000;
	if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_NO || wait_ms > 1000)
		wait_ms = 1000;
	loop_timer_set(http->timer, clock_monotonic_ms() + (int64_t)wait_ms);
}

static bool resolve(const char *address, struct addrinfo **out, struct fail *fail)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	if (colon == NULL || colon[1] == '\0' || (size_t)(colon - address) >= sizeof host)
		return fail_set(fail, FAIL_INVALID, "--http: \"%s\" is not ADDR:PORT, for example 127.0.0.1:8080", address);
	struct span name = {address, (size_t)(colon - address)};
	if (span_starts(name, "[") && span_ends(name, "]"))
		name = (struct span){name.ptr + 1, name.len - 2};
	snprintf(host, sizeof host, "%.*s", SPAN_ARG(name));
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	int error = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, out);
	return error == 0 || fail_set(fail, FAIL_INVALID, "--http %s: %s", address, gai_strerror(error));
}

static struct MHD_Daemon *start_at(struct http *http, const struct addrinfo *at, unsigned flags)
{
	return MHD_start_daemon(MHD_USE_EPOLL | flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR, at->ai_addr,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS_MAX, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
				MHD_OPTION_END);
}

static const struct addrinfo *of_family(const struct addrinfo *info, int family)
{
	while (info != NULL && info->ai_family != family)
		info = info->ai_next;
	return info;
}

/* ":8080" is every address: in a cluster without IPv4 as well, and without IPv6. */
static struct MHD_Daemon *start_everywhere(struct http *http, const struct addrinfo *info)
{
	const struct addrinfo *six = of_family(info, AF_INET6), *four = of_family(info, AF_INET);
	struct MHD_Daemon *daemon = six == NULL ? NULL : start_at(http, six, MHD_USE_DUAL_STACK);
	return daemon != NULL || four == NULL ? daemon : start_at(http, four, 0);
}

static bool listen_on(struct http *http, const char *address, struct fail *fail)
{
	struct addrinfo *info = NULL;
	if (!resolve(address, &info, fail))
		return false;
	http->daemon = address[0] == ':' ? start_everywhere(http, info)
					 : start_at(http, info, info->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	freeaddrinfo(info);
	if (http->daemon == NULL)
		return fail_set(fail, FAIL_IO, "cannot listen on %s; is the address in use? (--http ADDR:PORT or --http off)", address);
	http->epoll_fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return true;
}

bool http_start(struct agent *agent, struct fail *fail)
{
	const struct settings *settings = agent->settings;
	if (settings->http == NULL || strcmp(settings->http, "off") == 0)
		return true;
	struct http *http = agent->http = calloc(1, sizeof *http);
	if (http == NULL)
		abort();
	http->agent = agent;
	if (settings->http_token_file != NULL && !secret_read(&http->token, AT_FDCWD, settings->http_token_file, 4096, fail))
		return false;
	if (settings->webhook_secret_file != NULL &&
	    !secret_read(&http->webhook_secret, AT_FDCWD, settings->webhook_secret_file, 4096, fail))
		return false;
	if (!listen_on(http, settings->http, fail))
		return false;
	http->timer = loop_timer_new(agent->loop, turn, http);
	if (!loop_add_fd(agent->loop, http->epoll_fd, turn, http, fail))
		return false;
	log_info(agent->log, "http", "listening", log_string("address", settings->http));
	return true;
}

void http_stop(struct http *http)
{
	if (http == NULL)
		return;
	if (http->daemon != NULL) {
		loop_remove_fd(http->agent->loop, http->epoll_fd);
		if (http->timer != NULL)
			loop_timer_set(http->timer, INT64_MAX);
		MHD_stop_daemon(http->daemon);
	}
	secret_done(&http->token);
	secret_done(&http->webhook_secret);
	free(http);
}
