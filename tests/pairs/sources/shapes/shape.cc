// SPDX-License-Identifier: Apache-2.0
#include "shapes.h"

Shape::~Shape() = default;

std::string Shape::describe() const
{
	return name + " of area " + std::to_string(area());
}

Circle::Circle(const std::string &n, double r) : Shape(n), radius(r)
{
	if (r <= 0)
		throw std::invalid_argument("radius of " + n);
}

double Circle::area() const
{
	return 3.141592653589793 * radius * radius;
}

double Circle::edge() const
{
	return 2 * 3.141592653589793 * radius;
}

void Circle::scale(double factor)
{
	radius *= factor;
	n_changes++;
}

Box::Box(const std::string &n, double w, double h) : Shape(n), width(w), height(h)
{
	if (w <= 0 || h <= 0)
		throw std::invalid_argument("sides of " + n);
}

double Box::area() const
{
	return width * height;
}

double Box::edge() const
{
	return 2 * (width + height);
}

void Box::scale(double factor)
{
	width *= factor;
	height *= factor;
	n_changes++;
}

std::string Box::describe() const
{
	return Shape::describe() + " (" + std::to_string(width) + " x " + std::to_string(height) +
	       ")";
}

Square::Square(const std::string &n, double side) : Box(n, side, side)
{
}

std::string Square::describe() const
{
	return "square " + Box::describe();
}
