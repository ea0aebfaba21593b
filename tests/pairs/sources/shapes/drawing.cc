// SPDX-License-Identifier: Apache-2.0
#include "shapes.h"

Shape &Drawing::find(const std::string &name)
{
	n_lookups++;
	for (auto &shape : shapes)
		if (shape->get_name() == name)
			return *shape;
	throw std::out_of_range("no shape " + name);
}

void Drawing::add(std::unique_ptr<Shape> shape)
{
	for (const auto &other : shapes)
		if (other->get_name() == shape->get_name())
			throw std::invalid_argument(shape->get_name() + " is there already");
	shapes.push_back(std::move(shape));
}

void Drawing::remove(const std::string &name)
{
	for (auto at = shapes.begin(); at != shapes.end(); ++at) {
		if ((*at)->get_name() != name)
			continue;
		shapes.erase(at);
		return;
	}
	throw std::out_of_range("no shape " + name);
}

double Drawing::total_area() const
{
	double sum = 0;

	for (const auto &shape : shapes)
		sum += shape->area();
	return sum;
}

double Drawing::total_edge() const
{
	double sum = 0;

	for (const auto &shape : shapes)
		sum += shape->edge();
	return sum;
}

void Drawing::scale_all(double factor)
{
	if (factor <= 0)
		throw std::invalid_argument("factor");
	for (auto &shape : shapes)
		shape->scale(factor);
}

std::string Drawing::report() const
{
	std::string text;

	for (const auto &shape : shapes)
		text += shape->describe() + "\n";
	text += std::to_string(shapes.size()) + " shapes, " + std::to_string(n_lookups) +
		" lookups\n";
	return text;
}
