# SPDX-License-Identifier: Apache-2.0
# `pkg-config --cflags inferbench`, and the paths in the .pc file.
source "$SOURCES/common.sh"
export PKG_CONFIG_PATH="$PREFIX/$LIBDIR/pkgconfig"
pkg-config --validate inferbench
[ "inferbench $(pkg-config --modversion inferbench)" = "$(inferbench --version)" ] || fail "versions differ"
for variable in includedir bindir plugindir; do
  [ -d "$(pkg-config --variable=$variable inferbench)" ] || fail "$variable names no folder"
done
cp "$SOURCES/../abi/plugins/minimal_c.c" .
# shellcheck disable=SC2046
"$CC" -std=c99 -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags inferbench) \
  -Wl,--version-script="$(pkg-config --variable=exportmap inferbench)" -o libminimal_c.so minimal_c.c
expect_backend minimal_c .
expect_run ./libminimal_c.so
