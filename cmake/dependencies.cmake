# The libraries of docs/adding.md's dependency table, one line each: Debian packages, static where
# the static library is there, so that the programs run from an empty container.
find_package(Threads REQUIRED)

function(alb_dependency name header library)
  find_path(${name}_INCLUDE ${header} REQUIRED)
  find_library(${name}_LIBRARY NAMES lib${library}.a ${library} REQUIRED)
  add_library(${name} INTERFACE)
  target_include_directories(${name} SYSTEM INTERFACE ${${name}_INCLUDE})
  target_link_libraries(${name} INTERFACE ${${name}_LIBRARY})
endfunction()

alb_dependency(dep_xxhash xxhash.h xxhash)
alb_dependency(dep_protobuf_c protobuf-c/protobuf-c.h protobuf-c)
alb_dependency(dep_zlib zlib.h z)
alb_dependency(dep_utf8proc utf8proc.h utf8proc)
alb_dependency(dep_pcre2 pcre2.h pcre2-8)
alb_dependency(dep_jansson jansson.h jansson)

# OpenBLAS with locks (the serial build has none, and gives wrong numbers when two threads call it), told not to use
# threads of its own (tune/blas.c). Shared: its kernels for all processors are 35 MB.
find_library(dep_openblas_LIBRARY NAMES libopenblas.so PATH_SUFFIXES openblas-pthread REQUIRED)
find_path(dep_openblas_INCLUDE cblas.h PATH_SUFFIXES openblas-pthread ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread REQUIRED)
add_library(dep_openblas INTERFACE)
target_include_directories(dep_openblas SYSTEM INTERFACE ${dep_openblas_INCLUDE})
target_link_libraries(dep_openblas INTERFACE ${dep_openblas_LIBRARY})
alb_dependency(dep_lapacke lapacke.h lapacke)
target_link_libraries(dep_lapacke INTERFACE dep_openblas)
