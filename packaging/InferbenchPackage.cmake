# SPDX-License-Identifier: Apache-2.0
# The Debian package: `cpack --config build/release/CPackConfig.cmake`. Its dependencies are read from the binaries.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME inferbench)
set(CPACK_PACKAGE_VENDOR "The inferbench authors")
# Whoever builds the package is its maintainer: -DINFERBENCH_MAINTAINER="Name <address>".
set(INFERBENCH_MAINTAINER "The inferbench authors <inferbench@packages.invalid>" CACHE STRING "Maintainer of the Debian package")
set(CPACK_PACKAGE_CONTACT "${INFERBENCH_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(package_backends "a plain fp32 reference (cpu_ref), int8 and int4 weights (cpu_quant)")
if(TARGET onednn)
  string(APPEND package_backends ",\noneDNN (onednn)")
endif()
if(TARGET python)
  string(APPEND package_backends ",\nclasses written in Python (python)")
endif()
set(CPACK_PACKAGE_DESCRIPTION
    "Loads inference backends as shared objects through one C header, drives them
all through the same experiment, and reports speed, memory, failures and
numerical agreement.
Contains the program, its backends: ${package_backends},
and what is needed to write another: headers, a CMake package, a pkg-config
file, a project generator.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, g++, pkg-config, cargo, python3-numpy")
# The torch backend is not in the package, because libtorch pulls in hundreds of packages. `cmake --install` installs
# it.
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};Unspecified;/")
install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
include(CPack)
