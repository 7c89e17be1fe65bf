# SPDX-License-Identifier: Apache-2.0
# Backends on other people's engines. Each is built where its library is found, and `inferbench backends` says of the
# others why they are missing and what to install.

# Carries the list of those that are left out, as NAME|REASON|HINT: core/plugin needs it, but comes before the backends.
add_library(inferbench_left_out_engines INTERFACE)

function(inferbench_leave_out_engine name reason hint)
  set_property(TARGET inferbench_left_out_engines APPEND PROPERTY INFERBENCH_LEFT_OUT "${name}|${reason}|${hint}")
  message(STATUS "the backend ${name} is left out: ${reason} (${hint})")
endfunction()

# inferbench_engine_option(name LIBRARY WANTED): adds the option INFERBENCH_<NAME>. Sets the variable WANTED to false if
# the backend is not to be built. The sanitizers know nothing of an engine's own code, so their builds leave it out.
function(inferbench_engine_option name library wanted)
  string(TOUPPER INFERBENCH_${name} option)
  set(${option} AUTO CACHE STRING "Build the backend ${name}: AUTO (where ${library} is found), ON, OFF")
  set_property(CACHE ${option} PROPERTY STRINGS AUTO ON OFF)
  set(${wanted} FALSE PARENT_SCOPE)
  if(${option} STREQUAL "OFF")
    inferbench_leave_out_engine(${name} "this program was built with ${option}=OFF" "build it with -D${option}=AUTO")
  elseif(INFERBENCH_SANITIZE)
    inferbench_leave_out_engine(${name} "this program was built for a sanitizer" "build it without INFERBENCH_SANITIZE")
  else()
    set(${wanted} TRUE PARENT_SCOPE)
  endif()
endfunction()

# inferbench_engine_missing(name LIBRARY HINT): an error if the option says ON.
function(inferbench_engine_missing name library hint)
  string(TOUPPER INFERBENCH_${name} option)
  if(${option} STREQUAL "ON")
    message(FATAL_ERROR "${option}=ON, but ${library} was not found: ${hint}")
  endif()
  inferbench_leave_out_engine(${name} "${library} was not found when this program was built" "${hint}")
endfunction()

# inferbench_engine_not_found(name LIBRARY PACKAGE): the same, where Debian has a package.
function(inferbench_engine_not_found name library package)
  inferbench_engine_missing(${name} "${library}" "apt-get install ${package}, then build it again")
endfunction()
