"""The optional native kernels; everything else about the package stands in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "tonearm.analysis._kernels",
            ["src/tonearm/analysis/_kernels.c", "src/tonearm/analysis/_spectra.c"],
            depends=["src/tonearm/analysis/_kernels.h"],
            extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off"],
            optional=True,  # without a compiler the NumPy forms of the same kernels are used
        )
    ]
)
