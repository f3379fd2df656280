/* omniops agent. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/commands/command.h"
#include "base/files.h"

static void init_log(struct log *log, const struct settings *settings)
{
	enum log_level level = LEVEL_INFO;
	enum log_format format = isatty(STDERR_FILENO) ? FORMAT_TEXT : FORMAT_JSON;
	if (settings->log_level != NULL)
		log_parse_level(span_of(settings->log_level), &level);
	if (settings->log_format != NULL)
		log_parse_format(span_of(settings->log_format), &format);
	log_init(log, STDERR_FILENO, level, format);
}

static int run_agent(struct call *call)
{
	const struct settings *settings = &call->settings;
	if (settings->source.count == 0)
		return command_usage_error(call->command, "agent wants at least one --source");
	struct fail fail;
	if (settings->status_dir != NULL && !files_make_dirs(settings->status_dir, 0755, &fail))
		return command_error(&fail);
	struct log log;
	init_log(&log, settings);
	struct agent agent = {.settings = settings, .arena = call->arena, .log = &log, .gate = RISK_DISRUPTIVE};
	plan_risk_parse(span_of(settings->gate), &agent.gate);
	agent.is_gate_given = setting_is_given(settings, "gate");
	agent.corrects_drift = strcmp(settings->drift, "correct") == 0;
	int code = agent_run(&agent, &fail) ? agent.exit_code : command_error(&fail);
	log_done(&log);
	return code;
}

static const char *const settings[] = {
	"source",	   "kubeconfig",  "kube-context",	 "allow-exec-credentials",
	"leader-elect",	   "lease-namespace", "lease-name",	 "lease-duration",
	"shard",	   "settle",	   OMNI_SETTINGS, "interval",		 "gate",
	"drift",	   "approve-all", "once",		 "timeout",
	"owner",	   "no-annotations", "annotate-after",	 "http",
	"http-token-file", "webhook-secret-file", "status-dir",	 "cache-dir",
	"helm",		   "sandbox",	   "workers",	  "rules",		 "no-schema",
	"resync",	   "dead-after",  "git-username",	 "git-token-file",
	"git-token-env",   "ssh-key-file", "ssh-passphrase-file", "known-hosts",
	"ca-file",	   "verify-keys", "log-format",		 "log-level",
	"help",		   NULL,
};

const struct command cmd_agent = {
	"agent", "", "Keep Omni in agreement with Git or Kubernetes, continuously",
	"Polls the sources (Git repositories, directories, custom resources of an API server), renders what they declare in\n"
	"a confined process, applies what the gate lets through, holds the rest, and watches Omni for changes made behind its\n"
	"back. A source that cannot be read, an empty tree or a broken file never destroys anything: the last good state stays.\n"
	"With --once it reconciles once and exits: 0 in sync, 3 something is held, 1 error.\n"
	"SIGHUP or POST /reconcile read the sources again; SIGTERM stops within ten seconds.",
	"  $ omniops agent --omni dir:/var/lib/omni \\\n"
	"      --source 'git+https://git.example.com/fleet.git?ref=main&path=clusters'\n"
	"  $ omniops agent --once --omni dir:/var/lib/omni --source dir:./clusters\n"
	"  $ omniops agent --source kubernetes:?namespace=fleet --kubeconfig ~/.kube/config",
	settings, 0, 0, run_agent,
};
