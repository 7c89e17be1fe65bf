# SPDX-License-Identifier: Apache-2.0
# How this project's targets are built: language level, warnings, sanitizers, output folders.
include(InferbenchAddBackend)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
set(INFERBENCH_PLUGIN_BUILD_DIR ${PROJECT_BINARY_DIR}/lib/inferbench)
set(INFERBENCH_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/inferbench)
set(INFERBENCH_CMAKE_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/inferbench)

set(INFERBENCH_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor)
set(INFERBENCH_C_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion)

# False warnings of GCC 12 that 13 and 14 do not give: for "literal" + std::string at -O2 and above (GCC bug 105651),
# and for the deliberately undefined operands in its own vector intrinsics (GCC bug 105593).
set(INFERBENCH_INTRINSICS_WARNINGS)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND INFERBENCH_WARNINGS -Wno-restrict)
  set(INFERBENCH_INTRINSICS_WARNINGS -Wno-maybe-uninitialized -Wno-uninitialized)
endif()

function(inferbench_warnings target)
  target_compile_options(
    ${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${INFERBENCH_WARNINGS}>"
                      "$<$<COMPILE_LANGUAGE:C>:${INFERBENCH_C_WARNINGS}>"
                      "$<$<AND:$<BOOL:${INFERBENCH_WERROR}>,$<COMPILE_LANGUAGE:C,CXX>>:-Werror>")
endfunction()

# Some tests check this macro, because a sanitizer adds its own memory and threads.
if(INFERBENCH_SANITIZE)
  add_compile_definitions(INFERBENCH_SANITIZED)
endif()

# Warnings and sanitizers for one target.
function(inferbench_configure target)
  inferbench_warnings(${target})
  if(INFERBENCH_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${INFERBENCH_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${INFERBENCH_SANITIZE})
  endif()
endfunction()

# The same for code of tests. With AddressSanitizer, only the code under test is instrumented: instrumenting GoogleTest's
# and valijson's templates takes four times as long as the rest of the build. (ThreadSanitizer must see all code, or it
# reports false races.)
function(inferbench_configure_test target)
  if(INFERBENCH_SANITIZE MATCHES address)
    inferbench_warnings(${target})
    target_link_options(${target} PRIVATE -fsanitize=${INFERBENCH_SANITIZE})
  else()
    inferbench_configure(${target})
  endif()
endfunction()

# Compile code that is not performance-critical at -O1. With -O3, the templates of JSON, the command line and
# GoogleTest would take half of the build time.
function(inferbench_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# With AddressSanitizer, compile code that computes nothing at -O0, which halves the time that JSON's templates take.
function(inferbench_compile_unoptimized_for_asan target)
  if(INFERBENCH_SANITIZE MATCHES address)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# Sources that include the same large headers are compiled in groups (CMake's unity build). A name in an unnamed
# namespace must be unique within its library. Kernels are not grouped, because each is tuned as a separate file.
function(inferbench_group_sources target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${INFERBENCH_GROUPED} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# A static library of the host: inferbench_library(model safetensors.cpp ...) creates inferbench_model.
function(inferbench_library name)
  add_library(inferbench_${name} STATIC ${ARGN})
  target_include_directories(inferbench_${name} PUBLIC ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/core/include)
  inferbench_configure(inferbench_${name})
  inferbench_group_sources(inferbench_${name})
endfunction()

# A bundled backend: built into lib/inferbench/, and installed in the component INFERBENCH_PLUGIN_COMPONENT.
function(inferbench_plugin name)
  inferbench_add_backend(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${INFERBENCH_PLUGIN_BUILD_DIR})
  inferbench_configure(${name})
  if(NOT INFERBENCH_PLUGIN_COMPONENT)
    set(INFERBENCH_PLUGIN_COMPONENT Unspecified)
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION ${INFERBENCH_PLUGIN_INSTALL_DIR} COMPONENT ${INFERBENCH_PLUGIN_COMPONENT})
  set_property(GLOBAL APPEND PROPERTY INFERBENCH_PLUGINS ${name})
endfunction()

# By default OpenMP's threads spin while waiting for each other. With many short operations and other tests running, that
# takes ten to twenty times as long.
set(INFERBENCH_TEST_ENVIRONMENT OMP_WAIT_POLICY=passive)

# ctest begins with the tests of the highest cost, so that no long one is left alone at the end. About the seconds that a
# test with this label can take; others cost nothing.
set(INFERBENCH_TEST_COST_conformance 20)
set(INFERBENCH_TEST_COST_package 30)
set(INFERBENCH_TEST_COST_e2e 10)
set(INFERBENCH_TEST_COST_golden 10)
set(INFERBENCH_TEST_COST_fuzz 5)
set(INFERBENCH_TEST_COST_abi 2)

# A GoogleTest program under ctest: inferbench_test(name SOURCES a.cpp LIBS inferbench_model LABEL unit). Each of its
# tests becomes one ctest test, in a separate process. With WHOLE, the entire program is one ctest test, because its
# tests share an expensive fixture. COST replaces that of its label.
function(inferbench_test name)
  cmake_parse_arguments(ARG "WHOLE" "LABEL;TIMEOUT;COST" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_property(GLOBAL APPEND PROPERTY INFERBENCH_TESTS_${ARG_LABEL} ${name})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} inferbench_test_support GTest::gmock_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  inferbench_group_sources(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  inferbench_configure_test(${name})
  if(NOT ARG_LABEL STREQUAL kernels) # their plain loops would take minutes at -O0
    inferbench_compile_unoptimized_for_asan(${name})
  endif()
  if(ARG_LABEL MATCHES "^(unit|e2e)$") # a third of the build, and most of what they do is done by the libraries
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  elseif(NOT ARG_LABEL STREQUAL kernels)
    inferbench_compile_quickly(${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(NOT ARG_COST AND DEFINED INFERBENCH_TEST_COST_${ARG_LABEL})
    set(ARG_COST ${INFERBENCH_TEST_COST_${ARG_LABEL}})
  elseif(NOT ARG_COST)
    set(ARG_COST 0)
  endif()
  if(ARG_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} COST ${ARG_COST}
                                 ENVIRONMENT "${INFERBENCH_TEST_ENVIRONMENT}")
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT}
                       COST ${ARG_COST} ENVIRONMENT "${INFERBENCH_TEST_ENVIRONMENT}")
endfunction()
