"""The rules of the layers, checked on the syntax tree: direction of imports, purity, numpy, names.

`violations(module, source)` reads one module and returns one line for everything it breaks. The rules
are tables here, so that a new package has to say where it stands before it can be merged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

PRODUCT = "softswitch"

# A part may import parts of a lower number, and itself; two parts of one number do not know each other.
LAYERS = {
    "reasons": 0,
    "config": 1,
    "logs": 2,
    "call_log": 3,
    "sip": 2,
    "sdp": 2,
    "rtp": 2,
    "numbering": 2,
    "calendars": 2,
    "prompts": 2,
    "progress_tones": 2,
    "acd": 3,
    "backend": 3,
    "webhook": 3,
    "ivr": 3,
    "python_flows": 4,
    "directory": 4,
    "call": 5,
    "media": 6,
    "store": 7,
    "simulation": 8,
    "archive": 8,
    "control": 7,
    "net": 8,
    "speech": 8,
    "capacity": 9,
    "startup": 9,
    "check": 10,
    "node": 10,
    "parent": 10,
    "api": 11,
    "phone": 11,
    "client": 12,
    "cli": 13,
    "__main__": 14,
}

# Stricter than the number: these may import nothing of the product but what is named.
ONLY = {
    "media": {"rtp", "sdp", "prompts", "config", "reasons", "logs"},
    "client": {"api.models", "config", "reasons"},
    "phone": {"sip", "sdp", "rtp", "media.tones", "control", "store", "config", "reasons"},
}

PURE = {
    "backend", "webhook", "sip", "sdp", "rtp", "call", "ivr", "acd", "directory", "numbering", "calendars",
}  # fmt: skip

# Tables of data with functions over them: as pure as the standard library's.
PURE_LIBRARIES = {"numbering": {"phonenumbers"}}

PURE_STDLIB = frozenset(
    "__future__ abc base64 binascii bisect collections dataclasses datetime enum functools hashlib heapq "
    "hmac html ipaddress itertools json math operator re string struct types typing zoneinfo".split()
)

# Whatever reads a clock, draws a random number or touches the world, by whichever name it was imported.
IMPURE_CALLS = frozenset(
    "now today utcnow time time_ns monotonic monotonic_ns perf_counter sleep open read_text read_bytes "
    "write_text write_bytes urandom uuid1 uuid4 token_bytes token_hex randbytes getrandbits print input "
    "exec eval __import__ import_module".split()
)

NUMERIC = frozenset({"numpy", "soundfile"})
NEVER = frozenset({"pjsua2", "pytest", "hypothesis", "tests", "bench"})
VAGUE_SUFFIXES = ("Manager", "Helper", "Util", "Utils", "Info", "Data")


def part_of(module: str) -> str:
    """The part of the product a module belongs to: 'softswitch.sip.uri' -> 'sip'; '' for the root."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def imports(module: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported, relative imports resolved."""
    package = module.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{name}.{alias.name}") for alias in node.names)


def called_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def inside(name: str, allowed: set[str]) -> bool:
    """Whether 'media.tones.sine' lies in one of {'rtp', 'media.tones'}."""
    return any(name == part or name.startswith(part + ".") for part in allowed)


def check_product_import(part: str, name: str) -> str:
    target = part_of(name)
    if target in {"", part, "__version__"} or part == "":
        return ""
    if target not in LAYERS:
        return f"imports {name}, which has no layer"
    if LAYERS[target] >= LAYERS[part]:
        return f"imports {name}: {part} is not above {target}"
    if part in ONLY and not inside(name.removeprefix(PRODUCT + "."), ONLY[part]):
        return f"imports {name}: {part} may import only {', '.join(sorted(ONLY[part]))}"
    return ""


def check_foreign_import(part: str, name: str) -> str:
    top = name.split(".")[0]
    if top in NEVER:
        return f"imports {top}, which is for tests"
    if top in NUMERIC and part != "media":
        return f"imports {top} outside media/"
    if part in PURE and top not in PURE_STDLIB | PURE_LIBRARIES.get(part, set()):
        return f"imports {top}, which is not on the list for pure parts"
    return ""


def check_import(part: str, name: str) -> str:
    check = check_product_import if name.split(".")[0] == PRODUCT else check_foreign_import
    return check(part, name)


def impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) in IMPURE_CALLS:
            yield node.lineno, f"calls {called_name(node)}() in a pure part"


def vague_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_SUFFIXES):
            yield node.lineno, f"class {node.name}: the name says nothing"


def violations(module: str, source: str, *, package: bool = False) -> list[str]:
    """Everything `module` (dotted name) breaks, one line each, in the order of the lines.

    `package` is true for an __init__.py, whose relative imports start one level lower.
    """
    tree = ast.parse(source)
    part = part_of(module)
    found: list[tuple[int, str]] = []
    if part and part not in LAYERS:
        found.append((1, f"{part} has no layer: say in tests/layering.py where it stands"))
    else:
        imported = imports(module + ".__init__" if package else module, tree)
        found += [(line, broken) for line, name in imported if (broken := check_import(part, name))]
    if part in PURE:
        found += impure_calls(tree)
    found += vague_names(tree)
    return [f"{module}:{line}: {broken}" for line, broken in sorted(found)]


def function_lengths(source: str) -> list[tuple[str, int]]:
    """Name and number of lines of every function, without its docstring and its decorators."""
    lengths = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            end = node.end_lineno or node.lineno
            lengths.append((node.name, 1 + end - body[0].lineno + 1))
    return lengths
