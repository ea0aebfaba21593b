// SPDX-License-Identifier: Apache-2.0
#include "shapes.h"

std::vector<std::string> Reader::split(const std::string &line) const
{
	std::vector<std::string> words;
	size_t at = 0;

	while (at < line.size()) {
		size_t end = line.find(' ', at);

		if (end == std::string::npos)
			end = line.size();
		if (end > at)
			words.push_back(line.substr(at, end - at));
		at = end + 1;
	}
	return words;
}

double Reader::number(const std::string &word) const
{
	size_t used = 0;
	double value = 0;

	try {
		value = std::stod(word, &used);
	} catch (const std::exception &e) {
		throw Error(line_number, std::string("no number: ") + e.what());
	}
	if (used != word.size())
		throw Error(line_number, "garbage behind " + word.substr(0, used));
	return value;
}

std::string Reader::run_words(const std::vector<std::string> &words)
{
	const std::string &verb = words.at(0);

	if (verb == "circle")
		drawing.add(std::make_unique<Circle>(words.at(1), number(words.at(2))));
	else if (verb == "box")
		drawing.add(std::make_unique<Box>(words.at(1), number(words.at(2)),
						  number(words.at(3))));
	else if (verb == "square")
		drawing.add(std::make_unique<Square>(words.at(1), number(words.at(2))));
	else if (verb == "remove")
		drawing.remove(words.at(1));
	else if (verb == "scale")
		drawing.find(words.at(1)).scale(number(words.at(2)));
	else if (verb == "scale-all")
		drawing.scale_all(number(words.at(1)));
	else if (verb == "area")
		return std::to_string(drawing.total_area()) + "\n";
	else if (verb == "edge")
		return std::to_string(drawing.total_edge()) + "\n";
	else if (verb == "report")
		return drawing.report();
	else
		throw Error(line_number, "no verb " + verb);
	return "ok\n";
}

std::string Reader::run(const std::string &line)
{
	std::vector<std::string> words = split(line);

	line_number++;
	if (words.empty())
		return "";
	try {
		return run_words(words);
	} catch (const Error &e) {
		return "line " + std::to_string(e.line) + ": " + e.what() + "\n";
	} catch (const std::logic_error &e) {
		return std::string("refused: ") + e.what() + "\n";
	}
}
