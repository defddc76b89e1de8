/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A power strip with eight outlets: a Modbus server on libmodbus, TCP on 127.0.0.1 or RTU.
 *   fence_pdu tcp | fence_pdu rtu TERMINAL | fence_pdu tcp ADDRESS PORT PROGRAM
 * PROGRAM OUTLET VALUE is run when an outlet is switched, before the answer. Without a standard
 * input it has no commands.
 * Coils and holding registers 0..7 switch, discrete inputs and input registers 100..107 tell the
 * relays' state. Prints "ready PORT". Commands on the standard input, one answer line each:
 *   set I V      the state of outlet I; get: eight digits; orders: the writes so far
 *   lie I        writes to outlet I are answered, and forgotten
 *   flip I N     after N readings of off outlet I is on again
 *   slow MS      each answer takes MS milliseconds; silent 1: none; odd I V: outlet I reads V
 *   honest       all of this ends
 */
#include <modbus/modbus.h>

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#define OUTLETS	  8
#define READ_BASE 100
#define CLIENTS	  8

struct pdu {
	modbus_t *ctx;
	modbus_mapping_t *map;
	uint16_t state[OUTLETS];
	int lies, flip[OUTLETS], flips[OUTLETS], odd[OUTLETS];
	int slow_ms, silent;
	char orders[4096];
	char *program;
};

/* The outlet has another state: what hangs on it loses its power, or gets it back. */
static void tell(const struct pdu *p, int outlet)
{
	char number[16], value[16];
	char *const argv[] = {p->program, number, value, NULL};
	pid_t pid;

	(void)snprintf(number, sizeof number, "%d", outlet);
	(void)snprintf(value, sizeof value, "%u", p->state[outlet]);
	if (p->program && posix_spawn(&pid, p->program, NULL, NULL, argv, environ) == 0)
		(void)waitpid(pid, NULL, 0);
}

static void load(struct pdu *p)
{
	for (int i = 0; i < OUTLETS; i++) {
		uint16_t v = p->odd[i] >= 0 ? (uint16_t)p->odd[i] : p->state[i];

		p->map->tab_bits[i] = v != 0;
		p->map->tab_registers[i] = v;
		p->map->tab_input_bits[i] = v != 0;
		p->map->tab_input_registers[i] = v;
	}
}

/* A write: function 5 or 6. A reading: 1 to 4. */
static void note(struct pdu *p, const uint8_t *request, int offset)
{
	int function = request[offset], address = request[offset + 1] << 8 | request[offset + 2];
	int value = request[offset + 3] << 8 | request[offset + 4];
	size_t n = strlen(p->orders);
	int outlet = address >= READ_BASE ? address - READ_BASE : address;

	if (outlet >= OUTLETS)
		return;
	if (function == 5 || function == 6) {
		value = function == 5 ? value == 0xff00 : value;
		(void)snprintf(p->orders + n, sizeof p->orders - n, "%d=%d ", outlet, value);
		if (!(p->lies & 1 << outlet)) {
			p->state[outlet] = (uint16_t)value;
			tell(p, outlet);
		}
		p->flips[outlet] = 0;
	} else if (p->flip[outlet] > 0 && p->state[outlet] == 0 &&
		   ++p->flips[outlet] > p->flip[outlet]) {
		p->state[outlet] = 1;
	}
	load(p);
}

static void serve(struct pdu *p)
{
	uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
	int n = modbus_receive(p->ctx, request);

	if (n <= 0) {
		if (n < 0 && modbus_get_socket(p->ctx) >= 0 && errno == ECONNRESET)
			modbus_close(p->ctx);
		return;
	}
	if (p->slow_ms > 0)
		(void)usleep((useconds_t)p->slow_ms * 1000);
	if (p->silent)
		return;
	note(p, request, modbus_get_header_length(p->ctx));
	(void)modbus_reply(p->ctx, request, n, p->map);
}

static void honest(struct pdu *p)
{
	p->lies = p->slow_ms = p->silent = 0;
	p->orders[0] = '\0';
	for (int i = 0; i < OUTLETS; i++) {
		p->flip[i] = p->flips[i] = 0;
		p->odd[i] = -1;
	}
}

static void command(struct pdu *p, const char *line)
{
	char word[16] = "";
	int a = 0, b = 0;

	(void)sscanf(line, "%15s %d %d", word, &a, &b);
	a = a < 0 || (a >= OUTLETS && strcmp(word, "slow") != 0) ? 0 : a;
	if (strcmp(word, "set") == 0)
		p->state[a] = (uint16_t)b;
	else if (strcmp(word, "lie") == 0)
		p->lies |= 1 << a;
	else if (strcmp(word, "flip") == 0)
		p->flip[a] = b;
	else if (strcmp(word, "odd") == 0)
		p->odd[a] = b;
	else if (strcmp(word, "slow") == 0)
		p->slow_ms = a;
	else if (strcmp(word, "silent") == 0)
		p->silent = a;
	else if (strcmp(word, "honest") == 0)
		honest(p);
	load(p);
	if (strcmp(word, "orders") == 0) {
		(void)puts(p->orders);
		return;
	}
	for (int i = 0; i < OUTLETS; i++)
		(void)printf("%u", p->state[i] > 9 ? 9 : p->state[i]);
	(void)putchar('\n');
}

static int listen_tcp(const char *address, int *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*ret_port)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, CLIENTS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		exit(1);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* The standard input, the listener, and the clients or the terminal, in turn. */
static void loop(struct pdu *p, int listener, int terminal)
{
	struct pollfd f[2 + CLIENTS] = {{.fd = STDIN_FILENO, .events = POLLIN},
					{.fd = listener, .events = POLLIN}};
	char line[128];

	for (int i = 2; i < 2 + CLIENTS; i++)
		f[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	f[2].fd = terminal;
	while (poll(f, 2 + CLIENTS, -1) > 0) {
		if (f[0].revents && !fgets(line, sizeof line, stdin)) {
			if (!p->program)
				return;
			f[0].fd = -1;
		} else if (f[0].revents) {
			command(p, line);
		}
		for (int i = 2; i < 2 + CLIENTS; i++) {
			if (f[i].fd < 0 || !f[i].revents)
				continue;
			modbus_set_socket(p->ctx, f[i].fd);
			serve(p);
			if (terminal < 0 && modbus_get_socket(p->ctx) < 0)
				f[i].fd = -1;
		}
		if (listener >= 0 && f[1].revents) {
			int fd = accept(listener, NULL, NULL), i = 2;

			while (i < 2 + CLIENTS - 1 && f[i].fd >= 0)
				i++;
			if (f[i].fd >= 0)
				(void)close(f[i].fd);
			f[i].fd = fd;
		}
	}
}

int main(int argc, char **argv)
{
	struct pdu p = {0};
	int listener = -1, terminal = -1, port = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	p.program = argc == 5 ? argv[4] : NULL;
	p.map = modbus_mapping_new_start_address(0, OUTLETS, READ_BASE, OUTLETS, 0, OUTLETS,
						 READ_BASE, OUTLETS);
	if (argc == 3)
		p.ctx = modbus_new_rtu(argv[2], 19200, 'E', 8, 1);
	else
		p.ctx = modbus_new_tcp("127.0.0.1", 502);
	if (!p.map || !p.ctx || modbus_set_slave(p.ctx, 1) < 0)
		return 1;
	if (argc == 3) {
		if (modbus_connect(p.ctx) < 0)
			return 1;
		terminal = modbus_get_socket(p.ctx);
	} else {
		if (argc == 5)
			port = atoi(argv[3]);
		listener = listen_tcp(argc == 5 ? argv[2] : "127.0.0.1", &port);
	}
	honest(&p);
	for (int i = 0; i < OUTLETS; i++)
		p.state[i] = 1;
	load(&p);
	(void)printf("ready %d\n", port);
	loop(&p, listener, terminal);
	return 0;
}
