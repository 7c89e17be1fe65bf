# SPDX-License-Identifier: Apache-2.0
# The Debian package: `cpack --config build/release/CPackConfig.cmake`. What it depends on is read from the binaries.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME inferbench)
set(CPACK_PACKAGE_VENDOR "The inferbench authors")
set(CPACK_PACKAGE_CONTACT "The inferbench authors <inferbench@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
    "Loads GPT-2 backends as shared objects through one C header, drives them
all through the same experiment, and reports speed, memory, failures and
numerical agreement. Has the program, a reference and a quantized CPU backend,
and what is needed to write another: headers, a CMake package, a pkg-config
file, a generator of projects.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, g++, pkg-config, cargo")
# Without the torch backend: its libtorch brings hundreds of packages. `cmake --install` installs it.
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};Unspecified;/")
install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
include(CPack)
