// SPDX-License-Identifier: Apache-2.0
/*
 * Parses documents with libexpat, a parser for each question:
 *
 *     parse FILE         elements and text, or what is wrong
 *     pieces N FILE      the same, N bytes at a time
 *
 * Declares what it uses itself, so that no headers need be installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

struct parser;

struct parser *XML_ParserCreate(const char *encoding);
void XML_ParserFree(struct parser *parser);
void XML_SetUserData(struct parser *parser, void *data);
void XML_SetElementHandler(struct parser *parser,
			   void (*start)(void *, const char *, const char **),
			   void (*end)(void *, const char *));
void XML_SetCharacterDataHandler(struct parser *parser,
				 void (*text)(void *, const char *, int));
int XML_Parse(struct parser *parser, const char *bytes, int size, int is_last);
int XML_GetErrorCode(struct parser *parser);
const char *XML_ErrorString(int code);

/** What was seen, as text. */
struct seen {
	char text[65536];
	size_t size;
};

static void note(struct seen *seen, const char *text, size_t size)
{
	if (size > sizeof(seen->text) - seen->size)
		size = sizeof(seen->text) - seen->size;
	memcpy(seen->text + seen->size, text, size);
	seen->size += size;
}

static void on_start(void *data, const char *name, const char **attributes)
{
	note(data, "(", 1);
	note(data, name, strlen(name));
	for (; *attributes; attributes++) {
		note(data, " ", 1);
		note(data, *attributes, strlen(*attributes));
	}
	note(data, ")", 1);
}

static void on_end(void *data, const char *name)
{
	note(data, "/", 1);
	note(data, name, strlen(name));
}

static void on_text(void *data, const char *text, int size)
{
	note(data, text, size);
}

static void parse(struct seen *seen, const char *bytes, size_t size, size_t piece)
{
	struct parser *parser = XML_ParserCreate(NULL);
	int ok = 1;

	XML_SetUserData(parser, seen);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	for (size_t at = 0; ok && at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		ok = XML_Parse(parser, bytes + at, n, at + n == size);
	}
	const char *outcome =
		ok ? "well formed" : XML_ErrorString(XML_GetErrorCode(parser));
	note(seen, "\n", 1);
	note(seen, outcome, strlen(outcome));
	note(seen, "\n", 1);
	XML_ParserFree(parser);
}

void answer(char *question)
{
	static struct seen seen;
	static char bytes[1 << 20];
	char path[4096];
	unsigned long piece = sizeof(bytes);

	if (sscanf(question, "parse %4095s", path) != 1 &&
	    sscanf(question, "pieces %lu %4095s", &piece, path) != 2)
		return;
	FILE *file = fopen(path, "r");
	if (!file || !piece)
		return;
	size_t size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	seen.size = 0;
	parse(&seen, bytes, size, piece);
	fwrite(seen.text, 1, seen.size, stdout);
}

unsigned long work_once(void)
{
	static const char text[] =
		"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'entity'>]>"
		"<a one='1' two='&lt;2'><b>&e; &#xe9;</b><![CDATA[<raw>]]><c/></a>";
	static _Thread_local struct seen seen;

	seen.size = 0;
	parse(&seen, text, sizeof(text) - 1, 7);
	return digest_add(5381, seen.text, seen.size);
}
