# Warnings, sanitizers and coverage, for every target of the project.
add_library(alb_flags INTERFACE)
target_compile_definitions(alb_flags INTERFACE _GNU_SOURCE)
target_compile_options(alb_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -fno-math-errno -ffp-contract=off)
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
