"""Finds modules that import each other, at once or around a few corners; `make lint` runs it.

    python scripts/check_imports.py fashionbatch fashionbatch_plugins

Imports for types alone and imports inside functions count as well: of two modules that know each other neither can be
read first. What a package names for type checkers alone, as that which its users may take from it, does not: nobody has
to read it to read the package. (The layers themselves are import-linter's.)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import grimp


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """The largest groups of modules in which each reaches each of the others.

    Args:
        imports: module -> those that it imports.
    """
    reach = {module: _reachable(module, imports) for module in imports}
    found = {
        tuple(sorted(other for other in reached if module in reach[other]))
        for module, reached in reach.items()
        if module in reached
    }
    return sorted(map(list, found))


def _reachable(start: str, imports: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for module in imports[waiting.pop()] - reached:
            reached.add(module)
            waiting.append(module)
    return reached


def main() -> int:
    """Print every group; 1 where there is one."""
    first, *rest = sys.argv[1:]
    graph = grimp.build_graph(first, *rest, cache_dir=None)
    offered = grimp.build_graph(first, *rest, cache_dir=None, exclude_type_checking_imports=True)
    for package in (first, *rest):
        for module in graph.find_modules_directly_imported_by(package):
            if not offered.direct_import_exists(importer=package, imported=module):
                graph.remove_import(importer=package, imported=module)
    found = circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    for group in found:
        print(f"these modules import each other: {', '.join(group)}")
        for module in group:
            for other in sorted(graph.find_modules_directly_imported_by(module) & set(group)):
                for detail in graph.get_import_details(importer=module, imported=other):
                    print(f"  {module}, line {detail['line_number']}: {detail['line_contents']}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
