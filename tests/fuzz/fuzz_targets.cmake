# fuzz_NAME.c is a libFuzzer target (preset fuzz: build/fuzz/tests/fuzz_NAME corpus) and, always, a
# test regression_NAME that runs it on corpus/NAME and what is added below, and on mutants of both.
file(GLOB fuzz_targets CONFIGURE_DEPENDS fuzz/fuzz_*.c)
set(fuzz_seeds_reader tests/format/golden/v1)

foreach(target IN LISTS fuzz_targets)
  get_filename_component(fuzz ${target} NAME_WE)
  string(REPLACE "fuzz_" "" name ${fuzz})
  add_executable(regression_${name} ${target} fuzz/regression_driver.c)
  target_link_libraries(regression_${name} PRIVATE alb_test_support alb_all)
  add_test(NAME regression_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMAND regression_${name} --mutate 2000 tests/fuzz/corpus/${name} ${fuzz_seeds_${name}})
  if(ALB_SANITIZE MATCHES "fuzzer")
    add_executable(${fuzz} ${target})
    target_link_libraries(${fuzz} PRIVATE alb_test_support alb_all)
    target_link_options(${fuzz} PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()
