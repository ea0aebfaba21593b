// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/auth/ca.h"
#include "hub/auth/routes.h"
#include "hub/http/front.h"
#include "hub/http/route.h"
#include "hub/http/server.h"
#include "hub/log.h"
#include "hub/start.h"
#include "hub/text.h"

static const char usage[] =
	"usage: suture-hub [OPTION]...\n"
	"       suture-hub admin reset [--data DIR]\n\n"
	"The control plane: takes reports, decides who gets which release when, and shows\n"
	"it. At the first start it makes all that it needs in its folder and prints the\n"
	"first administrator's password once.\n\n"
	"  --data DIR             where it keeps everything (/var/lib/suture-hub)\n"
	"  --listen ADDRESS:PORT  where it listens (0.0.0.0:8443; [::]:8443)\n"
	"  --name NAME            a name or address by which it is reached, for its\n"
	"                         certificate; may be given again (besides the host's own)\n"
	"  --web DIR              the files of its page (" SUTURE_WEB ")\n"
	"  --repository DIR       the signed repository: served, and told of rollouts\n"
	"  --keys DIR             the keys that sign rollouts, snapshot and timestamp\n"
	"  --passphrase-file F    their passphrase\n"
	"  --max-connections N    how many clients at once (20000)\n"
	"  --device-life TIME     for how long a device's certificate is valid: 90d, 12h, 30m,\n"
	"                         60s (90d); devices renew it when a third is left\n"
	"  --keep-events TIME     for how long devices' histories are kept (400d)\n"
	"  --routes               print all routes and who may use them\n"
	"  --help, --version\n\n"
	"`admin reset` gives the user admin a new password and prints it, also while the hub\n"
	"does not run. Exit status: 0 ended as asked, 1 error, 2 bad usage.\n";

enum { MAX_NAMES = 32 };

/** The options, and the texts that they own. */
struct options {
	struct sut_hub_config config;
	char address[64];
	const char *names[MAX_NAMES];
	char *made[MAX_NAMES]; /**< Those of names that were made here. */
	size_t n_made;
};

static int complain(const char *text, const char *what)
{
	fprintf(stderr, "suture-hub: %s%s%s; try `suture-hub --help`\n", text, what ? ": " : "",
		what ? what : "");
	return 2;
}

// "ADDRESS:PORT"; an IPv6 address stands in brackets.
static bool read_listen(const char *text, struct options *options)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || !colon[1] || (size_t)(colon - text) >= sizeof(options->address))
		return false;
	bool has_brackets = text[0] == '[' && colon[-1] == ']';
	snprintf(options->address, sizeof(options->address), "%.*s",
		 (int)(colon - text) - 2 * has_brackets, text + has_brackets);
	long port = strtol(colon + 1, &end, 10);
	if (*end || port < 0 || port > 65535)
		return false;
	options->config.address = options->address;
	options->config.port = port;
	return true;
}

static bool add_name(struct options *options, const char *name)
{
	struct in6_addr address;
	bool is_address =
		inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;

	for (size_t i = 0; i < options->config.n_names; i++)
		if (strcmp(options->names[i], name) == 0)
			return true;
	if (options->config.n_names == MAX_NAMES || !(is_address || sut_host_check(name)))
		return false;
	options->names[options->config.n_names++] = name;
	return true;
}

static void add_made_name(struct options *options, const char *name)
{
	char *copy = options->n_made < MAX_NAMES ? strdup(name) : NULL;

	if (!copy)
		return;
	options->made[options->n_made++] = copy;
	add_name(options, copy);
}

// Addresses that others reach us at; one that is there today only would make a new
// certificate tomorrow, so that nobody waits for them: they are a help, no promise.
static void add_own_addresses(struct options *options)
{
	struct ifaddrs *list;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *at = list; at; at = at->ifa_next) {
		if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET)
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)at->ifa_addr)->sin_addr, text,
			  sizeof(text));
		add_made_name(options, text);
	}
	freeifaddrs(list);
}

static void add_own_names(struct options *options)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	add_made_name(options, host);
	add_name(options, "localhost");
	add_name(options, "127.0.0.1");
	add_name(options, "::1");
	// A single address to listen on is the only one that we have.
	if (strcmp(options->address, "0.0.0.0") == 0 || strcmp(options->address, "::") == 0)
		add_own_addresses(options);
	else
		add_name(options, options->address);
}

enum {
	OPTION_DATA = 256,
	OPTION_LISTEN,
	OPTION_NAME,
	OPTION_WEB,
	OPTION_REPOSITORY,
	OPTION_KEYS,
	OPTION_PASSPHRASE,
	OPTION_CONNECTIONS,
	OPTION_DEVICE_LIFE,
	OPTION_KEEP_EVENTS,
	OPTION_VERSION,
	OPTION_ROUTES,
};

static const struct option long_options[] = {
	{ "data", required_argument, NULL, OPTION_DATA },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "web", required_argument, NULL, OPTION_WEB },
	{ "repository", required_argument, NULL, OPTION_REPOSITORY },
	{ "keys", required_argument, NULL, OPTION_KEYS },
	{ "passphrase-file", required_argument, NULL, OPTION_PASSPHRASE },
	{ "max-connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "device-life", required_argument, NULL, OPTION_DEVICE_LIFE },
	{ "keep-events", required_argument, NULL, OPTION_KEEP_EVENTS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "routes", no_argument, NULL, OPTION_ROUTES },
	{ 0 },
};

// "90d", "12h", "30m", "60s".
static bool read_span(const char *text, int64_t *ret)
{
	static const char units[] = "smhd";
	static const long sizes[] = { 1, 60, 3600, 86400 }, least = 60, most = 3650L * 86400;
	char *end;
	long n = strtol(text, &end, 10);
	const char *unit = *end && !end[1] ? strchr(units, *end) : NULL;

	if (!unit || n < 1 || n > most || n * sizes[unit - units] < least ||
	    n * sizes[unit - units] > most)
		return false;
	*ret = n * sizes[unit - units];
	return true;
}

// 0, or what main() returns. 'h' and the version are for the caller.
static int take_option(struct options *options, int option)
{
	struct sut_hub_config *config = &options->config;
	char *end;

	switch (option) {
	case OPTION_DATA:
		config->data = optarg;
		return 0;
	case OPTION_LISTEN:
		return read_listen(optarg, options) ? 0
						    : complain("--listen is ADDRESS:PORT", optarg);
	case OPTION_NAME:
		return add_name(options, optarg) ? 0 : complain("no name of a host", optarg);
	case OPTION_WEB:
		config->web = optarg;
		return 0;
	case OPTION_REPOSITORY:
		config->repository = optarg;
		return 0;
	case OPTION_KEYS:
		config->keys = optarg;
		return 0;
	case OPTION_PASSPHRASE:
		config->passphrase_file = optarg;
		return 0;
	case OPTION_CONNECTIONS:
		config->max_connections = strtoul(optarg, &end, 10);
		return !*end && config->max_connections >= 1 && config->max_connections <= 1000000
			       ? 0
			       : complain("--max-connections is a number", optarg);
	case OPTION_DEVICE_LIFE:
		return read_span(optarg, &config->device_life)
			       ? 0
			       : complain("--device-life is from 60s to 3650d", optarg);
	case OPTION_KEEP_EVENTS:
		return read_span(optarg, &config->events_life)
			       ? 0
			       : complain("--keep-events is from 60s to 3650d", optarg);
	default:
		return complain("bad option", NULL);
	}
}

static struct sut_err *print_admin(struct sut_hub *hub, bool resets)
{
	char password[SUT_SECRET_SIZE];
	struct sut_err *err = sut_admin_ensure(hub, resets, password);

	if (!err && password[0]) {
		printf("Administrator: admin\nPassword: %s\n", password);
		printf("Fingerprint: %s\n", sut_ca_digest(hub->ca));
		printf("It is shown only this once; `suture-hub admin reset` makes another one.\n");
		fflush(stdout);
	}
	return err;
}

// Serve until a signal says to end.
static struct sut_err *serve(struct sut_hub *hub, const sigset_t *signals)
{
	int signal;
	struct sut_err *err = print_admin(hub, false);

	if (!err)
		err = sut_hub_serve(hub);
	if (err)
		return err;
	printf("Listening on https://%s:%d\n", hub->config.names[0],
	       sut_front_port(sut_server_front(hub->server)));
	fflush(stdout);
	sigwait(signals, &signal);
	sut_log(SUT_LOG_INFO, "ends: %s", strsignal(signal));
	return NULL;
}

// What tests compare with the documents.
static int print_routes(void)
{
	static const char *const who[] = {
		[SUT_ACCESS_PUBLIC] = "public",	    [SUT_ACCESS_DEVICE] = "device",
		[SUT_ACCESS_VIEWER] = "viewer",	    [SUT_ACCESS_OPERATOR] = "operator",
		[SUT_ACCESS_ADMIN] = "administrator",
	};

	for (size_t i = 0; sut_routes[i]; i++)
		for (const struct sut_route *route = sut_routes[i]; route->method; route++)
			printf("%s %s %s\n", route->method, route->pattern, who[route->access]);
	return 0;
}

static int run(const struct sut_hub_config *config, bool resets)
{
	struct sut_hub hub;
	sigset_t signals;

	// Before there are threads, which inherit it.
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	struct sut_err *err = sut_hub_open(config, resets, &hub);
	if (!err) {
		err = resets ? print_admin(&hub, true) : serve(&hub, &signals);
		sut_hub_close(&hub);
	}
	if (err)
		sut_log(SUT_LOG_ERROR, "%s", err->msg);
	int status = err ? 1 : 0;
	sut_err_free(err);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {
		.config = { .data = "/var/lib/suture-hub",
			    .max_connections = 20000,
			    .events_life = INT64_C(400) * 86400 },
	};
	struct stat st;
	int option, status = 0;

	read_listen("0.0.0.0:8443", &options);
	while (!status && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'h')
			return printf("%s", usage) < 0;
		if (option == OPTION_VERSION)
			return printf("suture-hub %s\n", SUTURE_VERSION) < 0;
		if (option == OPTION_ROUTES)
			return print_routes();
		status = take_option(&options, option);
	}
	bool resets = argc - optind == 2 && strcmp(argv[optind], "admin") == 0 &&
		      strcmp(argv[optind + 1], "reset") == 0;
	if (!status && argc > optind && !resets)
		status = complain("unexpected argument", argv[optind]);
	if (status)
		return status;
	if (sodium_init() < 0)
		return complain("no source of random numbers", NULL);
	if (!options.config.web && stat(SUTURE_WEB, &st) == 0)
		options.config.web = SUTURE_WEB;
	add_own_names(&options);
	options.config.names = options.names;
	status = run(&options.config, resets);
	for (size_t i = 0; i < options.n_made; i++)
		free(options.made[i]);
	return status;
}
