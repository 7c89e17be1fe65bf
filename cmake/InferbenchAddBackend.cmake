# SPDX-License-Identifier: Apache-2.0
# How to build a backend. This project uses it, and so do other projects through the installed CMake package.

set(INFERBENCH_EXPORT_MAP ${CMAKE_CURRENT_LIST_DIR}/backend.map)

# inferbench_add_backend(mine mine.cc ...) creates the target `mine`: a shared object libmine.so that exports
# inferbench_backend_v1 and nothing else. Sources may be C, C++ or both.
function(inferbench_add_backend name)
  if(NOT name MATCHES "^[a-z0-9_]+$")
    message(FATAL_ERROR "inferbench_add_backend: '${name}' is no name of a backend; it must match [a-z0-9_]+")
  endif()
  if(NOT ARGN)
    message(FATAL_ERROR "inferbench_add_backend(${name}): no sources")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE inferbench::backend_api)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if("C" IN_LIST languages)
    target_compile_features(${name} PRIVATE c_std_99)
  endif()
  if("CXX" IN_LIST languages)
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()
  set_target_properties(
    ${name}
    PROPERTIES PREFIX lib
               SUFFIX .so
               C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON
               LINK_DEPENDS ${INFERBENCH_EXPORT_MAP})
  target_link_options(${name} PRIVATE "LINKER:--version-script=${INFERBENCH_EXPORT_MAP}")
endfunction()
