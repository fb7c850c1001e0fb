# Warnings, sanitizers and coverage, for every target of the project.
add_library(alb_flags INTERFACE)
target_compile_definitions(alb_flags INTERFACE _GNU_SOURCE)
target_compile_options(alb_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -fno-math-errno -ffp-contract=off -ffunction-sections -fdata-sections)
# C has no exceptions to unwind; debuggers read .debug_frame, which -g makes. The tables were a tenth of the library.
target_compile_options(alb_flags INTERFACE $<$<CONFIG:Release>:-fno-asynchronous-unwind-tables>)
# gcc 12 for ARM dies ("in vect_transform_reduction") where it makes vectors of a loop that looks for a maximum by fmax.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13 AND ALB_ARCH STREQUAL "arm")
  target_compile_options(alb_flags INTERFACE -fno-builtin-fmax -fno-builtin-fmin)
endif()
if(ALB_WERROR)
  target_compile_options(alb_flags INTERFACE -Werror)
endif()
if(ALB_SANITIZE)
  target_compile_options(alb_flags INTERFACE -fsanitize=${ALB_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(alb_flags INTERFACE -fsanitize=${ALB_SANITIZE})
endif()
if(ALB_COVERAGE)
  target_compile_options(alb_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(alb_flags INTERFACE --coverage)
endif()
