// SPDX-License-Identifier: Apache-2.0
/*
 * Parses documents with libxml2:
 *
 *     parse FILE         the document, written out again
 *     html FILE          the same for HTML
 *     xpath FILE EXPR    the expression's value as a string
 *     schema FILE        is it a good RELAX NG schema?
 *
 * Declares what it uses itself, so that no headers need be installed.
 */
#include <stdio.h>
#include <string.h>

#include "program.h"

struct xml_doc;
struct xml_xpath;
struct xml_value;
struct xml_schema;
struct xml_schema_parser;

struct xml_doc *xmlReadFile(const char *file, const char *encoding, int options);
struct xml_doc *xmlReadMemory(const char *text, int size, const char *url,
			      const char *encoding, int options);
struct xml_doc *htmlReadFile(const char *file, const char *encoding, int options);
void xmlDocDumpMemory(struct xml_doc *doc, char **text, int *size);
void xmlFreeDoc(struct xml_doc *doc);
struct xml_xpath *xmlXPathNewContext(struct xml_doc *doc);
struct xml_value *xmlXPathEval(const char *expression, struct xml_xpath *context);
char *xmlXPathCastToString(struct xml_value *value);
void xmlXPathFreeObject(struct xml_value *value);
void xmlXPathFreeContext(struct xml_xpath *context);
struct xml_schema_parser *xmlRelaxNGNewParserCtxt(const char *file);
struct xml_schema *xmlRelaxNGParse(struct xml_schema_parser *parser);
void xmlRelaxNGFree(struct xml_schema *schema);
void xmlRelaxNGFreeParserCtxt(struct xml_schema_parser *parser);
extern void (*xmlFree)(void *memory);

/* XML_PARSE_NOENT, NOERROR, NOWARNING, NONET: the same numbers for HTML. */
enum { OPTIONS = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 11 };

static void print_doc(struct xml_doc *doc)
{
	char *text = NULL;
	int size = 0;

	if (!doc) {
		puts("not well formed");
		return;
	}
	xmlDocDumpMemory(doc, &text, &size);
	fwrite(text, 1, size, stdout);
	xmlFree(text);
	xmlFreeDoc(doc);
}

static void print_xpath(struct xml_doc *doc, const char *expression)
{
	struct xml_xpath *context = xmlXPathNewContext(doc);
	struct xml_value *value = xmlXPathEval(expression, context);

	if (value) {
		char *text = xmlXPathCastToString(value);
		puts(text);
		xmlFree(text);
	} else {
		puts("no value");
	}
	xmlXPathFreeObject(value);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
}

static void print_schema(const char *file)
{
	struct xml_schema_parser *parser = xmlRelaxNGNewParserCtxt(file);
	struct xml_schema *schema = xmlRelaxNGParse(parser);

	puts(schema ? "a schema" : "no schema");
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
}

void answer(char *question)
{
	char *file = strchr(question, ' ');
	char *rest = file ? strchr(file + 1, ' ') : NULL;

	if (!file)
		return;
	*file++ = '\0';
	if (rest)
		*rest++ = '\0';
	if (strcmp(question, "parse") == 0)
		print_doc(xmlReadFile(file, NULL, OPTIONS));
	else if (strcmp(question, "html") == 0)
		print_doc(htmlReadFile(file, NULL, OPTIONS));
	else if (strcmp(question, "xpath") == 0 && rest)
		print_xpath(xmlReadFile(file, NULL, OPTIONS), rest);
	else if (strcmp(question, "schema") == 0)
		print_schema(file);
}

unsigned long work_once(void)
{
	static const char text[] =
		"<!DOCTYPE a [<!ENTITY e 'entity'><!ATTLIST b id ID #IMPLIED>]>"
		"<a xmlns:n='urn:n'><b id='x'>&e; &#65;</b><n:c><![CDATA[<&>]]></n:c>"
		"<?target text?><!-- remark --><d n:e='1'/></a>";
	struct xml_doc *doc =
		xmlReadMemory(text, sizeof(text) - 1, "a.xml", NULL, OPTIONS);
	struct xml_xpath *context = xmlXPathNewContext(doc);
	struct xml_value *value =
		xmlXPathEval("concat(count(//*), name(//d), id('x'))", context);
	char *string = xmlXPathCastToString(value), *dump = NULL;
	int size = 0;

	xmlDocDumpMemory(doc, &dump, &size);
	unsigned long digest = digest_add(5381, dump, size);
	digest = digest_add(digest, string, strlen(string));
	xmlFree(dump);
	xmlFree(string);
	xmlXPathFreeObject(value);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return digest;
}
