// SPDX-License-Identifier: Apache-2.0
/*
 * usage: fleet-load --hub ADDRESS:PORT --name NAME --ca FILE --token TOKEN --devices N
 *                   [--repository FOLDER --root FILE --store FOLDER] [--until RELEASE]...
 * [--fail-each N] [--hold N]
 *                   [--seconds S] [--write FILE] [--answer FILE]
 *                   [--storm N --beside ADDRESS:PORT --rounds N --cpu PID --cpu-beside PID]
 *
 * Simulates N devices of a hub (fleet_device.h) until S seconds are over, TERM comes,
 * or all of them have each RELEASE in turn or had to take it out. Prints a line of JSON
 * each second and at last, and writes what was acknowledged to FILE.
 *
 * With --hold only so many hold a connection and a request open, and the others come
 * every 20 s or so: a hub takes no more connections than it may have files open.
 *
 * With --root they look at the signed metadata as agents do, with this root, and a store
 * that they share.
 *
 * With --storm it measures instead: N devices report without a pause to the hub, and the
 * same bytes to the server beside it, in turns of five seconds.
 */

#include <arpa/inet.h>
#include <getopt.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fleet_device.h"
#include "fleet_wish.h"

#define SECOND INT64_C(1000000)
#define TURN   (5 * SECOND)

struct setup {
	const char *hub, *name, *ca, *repository, *root, *store, *write, *beside;
	const char *until[8];
	int n_until;
	size_t storm;
	int rounds, seconds, cpu, cpu_beside;
	struct fleet_options fleet;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static struct setup read_setup(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hub", 1, NULL, 'h' },        { "name", 1, NULL, 'n' },
		{ "ca", 1, NULL, 'c' },         { "token", 1, NULL, 't' },
		{ "devices", 1, NULL, 'd' },    { "root", 1, NULL, 'r' },
		{ "repository", 1, NULL, 'y' }, { "store", 1, NULL, 's' },
		{ "until", 1, NULL, 'u' },      { "fail-each", 1, NULL, 'f' },
		{ "seconds", 1, NULL, 'S' },    { "write", 1, NULL, 'w' },
		{ "storm", 1, NULL, 'x' },      { "beside", 1, NULL, 'b' },
		{ "rounds", 1, NULL, 'R' },     { "hold", 1, NULL, 'H' },
		{ "answer", 1, NULL, 'a' },     { "cpu", 1, NULL, 'p' },
		{ "cpu-beside", 1, NULL, 'q' }, { 0 },
	};
	struct setup s = { .rounds = 3, .seconds = 3600 };

	s.fleet.n_holding = SIZE_MAX;
	s.fleet.poll_us = 20 * SECOND;
	s.fleet.jitter_us = 2 * SECOND;
	s.fleet.work_us = SECOND;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		switch (c) {
		case 'h':
			s.hub = optarg;
			break;
		case 'n':
			s.name = optarg;
			break;
		case 'c':
			s.ca = optarg;
			break;
		case 't':
			s.fleet.token = optarg;
			break;
		case 'd':
			s.fleet.n = strtoul(optarg, NULL, 10);
			break;
		case 'y':
			s.repository = optarg;
			break;
		case 'r':
			s.root = optarg;
			break;
		case 's':
			s.store = optarg;
			break;
		case 'u':
			if (s.n_until < 8)
				s.until[s.n_until++] = optarg;
			break;
		case 'f':
			s.fleet.fail_each = atoi(optarg);
			break;
		case 'S':
			s.seconds = atoi(optarg);
			break;
		case 'w':
			s.write = optarg;
			break;
		case 'x':
			s.storm = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			s.beside = optarg;
			break;
		case 'R':
			s.rounds = atoi(optarg);
			break;
		case 'H':
			s.fleet.n_holding = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			s.fleet.answer = optarg;
			break;
		case 'p':
			s.cpu = atoi(optarg);
			break;
		case 'q':
			s.cpu_beside = atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!s.hub || !s.name || !s.ca || !s.fleet.token || !s.fleet.n || s.storm > s.fleet.n) {
		fprintf(stderr, "fleet-load: see the beginning of bench/fleet.c\n");
		exit(2);
	}
	return s;
}

static struct sockaddr_in read_address(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char ip[64];
	int port;

	if (sscanf(text, "%63[0-9.]:%d", ip, &port) != 2 ||
	    inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
		fprintf(stderr, "fleet-load: %s is no ADDRESS:PORT\n", text);
		exit(2);
	}
	address.sin_port = htons(port);
	return address;
}

static struct net *begin_net(const struct setup *setup, const char *where)
{
	struct sockaddr_in address = read_address(where);

	return net_new((struct sockaddr *)&address, sizeof(address), setup->name, setup->ca);
}

static void tell(const char *what, const struct fleet *fleet, struct net *net, const char *release,
		 int64_t begin)
{
	const struct fleet_counts *counts = fleet_counts(fleet);
	const struct net_counts *lines = net_counts(net);
	size_t with = 0, failed = 0;

	if (release)
		fleet_count_release(fleet, release, &with, &failed);
	json_t *line = json_pack(
		"{ss sf sI sI sI sI sI sI sI sI sI sI ss? sI sI}", "what", what, "seconds",
		(double)(net_now() - begin) / SECOND, "enrolled", (json_int_t)counts->enrolled,
		"ready", (json_int_t)counts->ready, "reports", (json_int_t)counts->reports,
		"events", (json_int_t)counts->events, "refused", (json_int_t)counts->refused,
		"wakes", (json_int_t)counts->wakes, "idle", (json_int_t)counts->idle, "connected",
		(json_int_t)lines->connected, "handshakes", (json_int_t)lines->handshakes, "lost",
		(json_int_t)lines->lost, "release", release, "with", (json_int_t)with, "failed",
		(json_int_t)failed);
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static bool is_reached(const struct setup *setup, const struct fleet *fleet, int at)
{
	size_t with, failed;

	if (fleet_counts(fleet)->ready < setup->fleet.n)
		return false;
	fleet_count_release(fleet, setup->until[at], &with, &failed);
	return with + failed == setup->fleet.n;
}

static int run_fleet(const struct setup *setup, struct fleet *fleet, struct net *net)
{
	int64_t begin = net_now(), end = begin + setup->seconds * SECOND;
	int at = 0;

	while (!stopped && net_now() < end && (at < setup->n_until || !setup->n_until)) {
		fleet_serve(fleet, net_now() + SECOND);
		tell("second", fleet, net, setup->until[at], begin);
		if (setup->n_until && is_reached(setup, fleet, at)) {
			tell("reached", fleet, net, setup->until[at], begin);
			at++;
		}
	}
	tell("end", fleet, net, setup->n_until ? setup->until[at ? at - 1 : 0] : NULL, begin);
	if (setup->write && !fleet_write(fleet, setup->write)) {
		perror(setup->write);
		return 1;
	}
	return at < setup->n_until;
}

/** Processor time that a process and its children have had, in seconds. */
static double cpu_of(int pid)
{
	char path[64], text[4096];
	unsigned long user = 0, system = 0;
	double sum = 0;
	int child, used = 0, more;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file))
		return 0;
	fclose(file);
	sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
	       &system);
	sum = (double)(user + system) / sysconf(_SC_CLK_TCK);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "r");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	text[size] = '\0';
	if (file)
		fclose(file);
	for (; sscanf(text + used, "%d%n", &child, &more) == 1; used += more)
		sum += cpu_of(child);
	return sum;
}

static void storm(const struct setup *setup, struct fleet *fleet, struct net *net, int pid,
		  const char *who)
{
	double cpu = cpu_of(pid);
	int64_t begin = net_now();
	uint64_t n = fleet_storm(fleet, net, setup->storm, begin + TURN);
	double seconds = (double)(net_now() - begin) / SECOND;

	cpu = cpu_of(pid) - cpu;
	printf("{\"what\":\"storm\",\"who\":\"%s\",\"checkins\":%lu,\"per_s\":%.1f,\"cpu_us\":%.1f}"
	       "\n",
	       who, (unsigned long)n, n / seconds, n ? cpu * 1e6 / n : 0);
	fflush(stdout);
}

static int run_storm(const struct setup *setup, struct fleet *fleet, struct net *net)
{
	struct net *beside = setup->beside ? begin_net(setup, setup->beside) : NULL;
	int64_t begin = net_now();

	while (fleet_counts(fleet)->ready < setup->fleet.n && net_now() < begin + 300 * SECOND)
		fleet_serve(fleet, net_now() + SECOND / 10);
	tell("ready", fleet, net, NULL, begin);
	// The first one warms up both.
	for (int i = 0; i <= setup->rounds && !stopped; i++) {
		storm(setup, fleet, net, setup->cpu, i ? "hub" : "warm");
		if (beside)
			storm(setup, fleet, beside, setup->cpu_beside, i ? "beside" : "warm");
	}
	return fleet_counts(fleet)->refused != 0;
}

int main(int argc, char **argv)
{
	struct setup setup = read_setup(argc, argv);
	struct rlimit files = { 1 << 20, 1 << 20 };

	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	signal(SIGPIPE, SIG_IGN);
	if (setup.root) {
		setup.fleet.wish = wish_tell;
		setup.fleet.context = wish_new(&(struct wish_options){
			.repository = setup.repository, .root = setup.root, .store = setup.store });
	}
	struct net *net = begin_net(&setup, setup.hub);
	struct fleet *fleet = fleet_new(net, &setup.fleet);
	return setup.storm ? run_storm(&setup, fleet, net) : run_fleet(&setup, fleet, net);
}
