"""Builds the artifact of a Python function: its code, its requirements, nothing that never runs, all of it compiled.

Runs with the runtime's own Python, in the function's code folder: ``python3.13 build.py --architecture arm64
--package authorizer OUTPUT``. The requirements are installed by their hashes, as wheels for Lambda's Linux.
"""

import argparse
import compileall
import py_compile
import shutil
import struct
import subprocess
import sys
from pathlib import Path

PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
# Not code, or not imported by what verifies a signature. The end-to-end tests run what is left.
NEVER_RUN = (
    "*.dist-info/[!l]*",
    "**/*.pyi",
    "**/*.h",
    "bin",
    "cffi",
    "pycparser*",
    "cryptography/fernet.py",
    "cryptography/x509",
    "cryptography/hazmat/asn1",
    "cryptography/hazmat/bindings/_rust",
    "cryptography/hazmat/decrepit",
    "cryptography/hazmat/primitives/ciphers",
    "cryptography/hazmat/primitives/kdf",
    "cryptography/hazmat/primitives/twofactor",
    "cryptography/hazmat/primitives/serialization",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds the artifact of a Python function in the current folder.")
    parser.add_argument("--architecture", choices=PLATFORMS, required=True)
    parser.add_argument("--package", required=True, help="the name that the folder's code is imported by")
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    install(given.architecture, given.output)
    prune(given.output)
    for library in given.output.glob("**/*.so"):
        strip(library)
    ignored = shutil.ignore_patterns("__pycache__", "requirements.*")
    shutil.copytree(".", given.output / given.package, ignore=ignored, dirs_exist_ok=True)
    compile_all(given.output)


def install(architecture: str, output: Path) -> None:
    """The wheels of requirements.txt."""
    machine = PLATFORMS[architecture]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--root-user-action", "ignore"]
    command += ["--require-hashes", "--requirement", "requirements.txt", "--target", str(output)]
    command += ["--only-binary=:all:", "--platform", f"manylinux2014_{machine}"]
    if subprocess.run(command, check=False).returncode:
        sys.exit("The requirements could not be installed: see pip's message above.")


def prune(output: Path) -> None:
    for pattern in NEVER_RUN:
        for path in output.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def strip(library: Path) -> None:
    """Cuts off a shared library's symbol table and section headers, for debuggers only: a quarter of its size.

    The loader goes by the program headers alone (ELF-64 specification), and all that these name comes before.
    """
    content = bytearray(library.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01":
        raise SystemExit(f"{library} is not a 64-bit little-endian ELF file.")
    (headers,) = struct.unpack_from("<Q", content, 0x20)
    size, count = struct.unpack_from("<HH", content, 0x36)
    end = 0
    for index in range(count):
        offset, _, _, length = struct.unpack_from("<4Q", content, headers + index * size + 8)
        end = max(end, offset + length)
    struct.pack_into("<Q", content, 0x28, 0)
    struct.pack_into("<3H", content, 0x3A, 0, 0, 0)
    library.write_bytes(content[:end])


def compile_all(output: Path) -> None:
    """Bytecode beside the source. Unchecked: Lambda's file times would make every check fail."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(output, quiet=1, invalidation_mode=mode, stripdir=str(output)):
        sys.exit("The code could not be compiled: see the message above.")


if __name__ == "__main__":
    main()
