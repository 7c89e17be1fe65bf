# SPDX-License-Identifier: Apache-2.0
# Without a build system: one cc command, one c++ command.
source "$SOURCES/common.sh"
cp "$SOURCES/../abi/plugins/minimal_c.c" "$SOURCES/../abi/plugins/null_backend.cpp" .
"$CC" -shared -fPIC -I"$PREFIX/include" -o libminimal_c.so minimal_c.c
"$CXX" -std=c++20 -shared -fPIC -I"$PREFIX/include" -o libnull.so null_backend.cpp
expect_backend minimal_c .
expect_backend null .
expect_run ./libminimal_c.so
expect_run ./libnull.so
