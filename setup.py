"""The C extension; everything else about the package stands in pyproject.toml."""

from setuptools import Extension, setup

_SOURCES = (
    "module", "g711", "g722", "addresses", "io", "shared", "ring", "kernels", "keys", "mix", "limiter",
    "loop", "turn", "srtp", "opus", "library",
)  # fmt: skip
_HEADERS = ("addresses", "buffers", "loop", "g711", "limiter", "srtp", "library")

setup(
    ext_modules=[
        Extension(
            "softswitch.media._codecs",
            sources=[f"codecs/{name}.c" for name in _SOURCES],
            depends=[f"codecs/{name}.h" for name in _HEADERS],
            include_dirs=["codecs"],
            libraries=["dl"],
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            extra_compile_args=["-O3", "-std=c11", "-Wall", "-Wextra"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
