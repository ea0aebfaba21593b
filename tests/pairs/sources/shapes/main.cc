// SPDX-License-Identifier: Apache-2.0
#include "shapes.h"

#include <iostream>

int main()
{
	Drawing drawing;
	Reader reader(drawing);
	std::string line;

	while (std::getline(std::cin, line))
		std::cout << reader.run(line) << std::flush;
	return 0;
}
