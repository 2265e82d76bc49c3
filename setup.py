"""The optional native kernels; everything else about the package stands in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "tonearm.analysis._kernels",
            [
                f"src/tonearm/analysis/{name}.c"
                for name in ("_kernels", "_octaves", "_peaks", "_spectra", "_timbre")
            ],
            depends=["src/tonearm/analysis/_kernels.h"],
            # Behind those of the environment, which must not change a bit of the results.
            extra_compile_args=["-O3", "-std=c11", "-fno-fast-math", "-ffp-contract=off", "-fno-math-errno"],
            optional=True,  # without a compiler the NumPy forms of the same kernels are used
        )
    ]
)
