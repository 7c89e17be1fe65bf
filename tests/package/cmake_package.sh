# SPDX-License-Identifier: Apache-2.0
# find_package(inferbench) and inferbench_add_backend() from outside the tree, with only C and with only C++.
source "$SOURCES/common.sh"
for language in C CXX; do
  cmake -S "$SOURCES/project" -B "$language" -DCMAKE_PREFIX_PATH="$PREFIX" -DLANGUAGE=$language \
    -DBACKENDS="$SOURCES/../abi/plugins" -DCMAKE_BUILD_TYPE=Release >configure.txt
  cmake --build "$language" >build.txt || {
    cat build.txt >&2
    fail "the $language project does not build"
  }
done
for library in C/libminimal_c.so CXX/libnull.so; do
  nm --dynamic --defined-only --format=posix $library | awk '{print $1}' >exports.txt
  [ "$(cat exports.txt)" = inferbench_backend_v1 ] || fail "$library exports: $(cat exports.txt)"
done
(cd C && ctest --output-on-failure >ctest.txt) || {
  cat C/ctest.txt >&2
  fail "the project's own test"
}
expect_text '100% tests passed, 0 tests failed out of 1' C/ctest.txt
expect_backend minimal_c C
expect_backend null CXX
expect_run ./C/libminimal_c.so
expect_run ./CXX/libnull.so

# A wrong name is an error at configure time, not only when the host loads the file.
cmake -S "$SOURCES/project" -B wrong -DCMAKE_PREFIX_PATH="$PREFIX" -DLANGUAGE=C -DNAME=Wrong-Name \
  -DBACKENDS="$SOURCES/../abi/plugins" >wrong.txt 2>&1 && fail "a wrong name is accepted"
expect_text "'Wrong-Name' is no name of a backend" wrong.txt
