// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The C++ program that pairs change: classes with virtual functions, exceptions
 * that cross several frames, destructors that run while they do.
 */

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Error : std::runtime_error {
	int line;

	Error(int at, const std::string &what) : std::runtime_error(what), line(at) {}
};

class Shape {
      public:
	explicit Shape(std::string n) : name(std::move(n)) {}
	virtual ~Shape();
	virtual double area() const = 0;
	virtual double edge() const = 0;
	virtual void scale(double factor) = 0;
	virtual std::string describe() const;
	const std::string &get_name() const { return name; }

      protected:
	std::string name;
	unsigned int n_changes = 0;
};

class Circle : public Shape {
      public:
	Circle(const std::string &n, double r);
	double area() const override;
	double edge() const override;
	void scale(double factor) override;

      private:
	double radius;
};

class Box : public Shape {
      public:
	Box(const std::string &n, double w, double h);
	double area() const override;
	double edge() const override;
	void scale(double factor) override;
	std::string describe() const override;

      protected:
	double width, height;
};

class Square : public Box {
      public:
	Square(const std::string &n, double side);
	std::string describe() const override;
};

class Drawing {
      public:
	Shape &find(const std::string &name);
	void add(std::unique_ptr<Shape> shape);
	void remove(const std::string &name);
	double total_area() const;
	double total_edge() const;
	void scale_all(double factor);
	std::string report() const;
	size_t size() const { return shapes.size(); }

      private:
	std::vector<std::unique_ptr<Shape>> shapes;
	unsigned long n_lookups = 0;
};

class Reader {
      public:
	explicit Reader(Drawing &d) : drawing(d) {}
	std::string run(const std::string &line);

      private:
	std::string run_words(const std::vector<std::string> &words);
	std::vector<std::string> split(const std::string &line) const;
	double number(const std::string &word) const;
	Drawing &drawing;
	int line_number = 0;
};
